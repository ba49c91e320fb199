import { isWeighbridgeError, sameBytes, type Bytes32 } from '../../kernel/index.js';
import { VerifiedTree, type LoadedBatch, type LogReader } from '../../provenance/index.js';
import { verifyCheckpoint, type TreeHead, type Trust } from '../../provenance/verify/index.js';
import type { CeramicReader } from '../ports.js';
import type { AuditComparison } from './compare.js';
import type { Scan } from './scan.js';

/** One batch as Ceramic has it, or does not, with the first thing that is wrong with it. */
export interface BatchFinding {
  seq: number;
  records: number;
  /** Entries under the checkpoint that the batch carries. */
  checkpointSize?: number;
  problem?: { kind: 'missing' | 'extra' | 'altered'; detail: string };
}

export interface CeramicHistory extends AuditComparison {
  batches: BatchFinding[];
}

/** A node that withholds a batch is found out by one of the next: so many absent ones in a row are the end. */
const LOOKAHEAD = 3;

/**
 * A dataset's history from Ceramic alone: every batch read by its computed id, its commits hashed and their signature
 * checked here, its checkpoint verified by the trust file's keys. Then compared with the log, batch by batch.
 * @throws WeighbridgeError CERAMIC_UNAVAILABLE, LOG_UNAVAILABLE, PROOF_INVALID if the log's tiles are not its checkpoint's
 */
export async function auditCeramic(
  scan: Scan,
  log: { reader: LogReader; head: TreeHead },
  trust: Trust,
  ceramic: Pick<CeramicReader, 'loadBatch'>,
): Promise<CeramicHistory> {
  const tree = await VerifiedTree.open(async (path) => log.reader.tile(path), log.head);
  const inLog = new Map(scan.entries.map(({ index, leafHash }) => [index, leafHash]));
  const loaded = await loadAll(ceramic, scan.keyId);
  const batches: BatchFinding[] = [];
  for (const [i, batch] of loaded.entries()) {
    const seq = i + 1;
    if (!('batch' in batch)) {
      batches.push({ seq, records: 0, problem: batch });
      continue;
    }
    const finding = { seq, records: batch.batch.count };
    const checkpoint = await readCheckpoint(batch, trust, tree);
    const problem =
      checkpoint.problem ?? linkProblem(batch, loaded[i - 1]) ?? recordProblem(batch, inLog, scan.total) ?? undefined;
    batches.push({
      ...finding,
      ...(checkpoint.size === undefined ? {} : { checkpointSize: checkpoint.size }),
      ...(problem === undefined ? {} : { problem }),
    });
  }
  return verdict(scan, loaded, batches);
}

type Problem = NonNullable<BatchFinding['problem']>;
type Loaded = LoadedBatch | Problem;

/** All batches up to the last that is there; in the place of one that is not, or does not verify, why. */
async function loadAll(ceramic: Pick<CeramicReader, 'loadBatch'>, keyId: Bytes32): Promise<Loaded[]> {
  const loaded: Loaded[] = [];
  let end = 0;
  for (let seq = 1; seq <= end + LOOKAHEAD; seq++) {
    const batch = await loadOne(ceramic, keyId, seq);
    loaded.push(batch);
    if ('batch' in batch || batch.kind !== 'missing') end = seq;
  }
  return loaded.slice(0, end);
}

async function loadOne(ceramic: Pick<CeramicReader, 'loadBatch'>, keyId: Bytes32, seq: number): Promise<Loaded> {
  try {
    return (
      (await ceramic.loadBatch(keyId, seq)) ?? { kind: 'missing', detail: `batch ${seq} is not there, a later one is` }
    );
  } catch (error) {
    if (!isWeighbridgeError(error) || error.code !== 'PROOF_INVALID') throw error;
    return { kind: 'altered', detail: `batch ${seq} does not verify: ${error.message}` };
  }
}

/** The checkpoint in a batch must be the log's own, cover the batch, and be of the history that the log shows here. */
async function readCheckpoint(
  { batch }: LoadedBatch,
  trust: Trust,
  tree: VerifiedTree,
): Promise<{ size?: number; problem?: Problem }> {
  const altered = (detail: string): Problem => ({ kind: 'altered', detail: `batch ${batch.seq} ${detail}` });
  try {
    const { size, root } = verifyCheckpoint(batch.checkpoint, trust);
    const last = batch.records.at(-1)?.index ?? 0;
    if (size <= last) return { size, problem: altered(`has a checkpoint of ${size} entries over a record at ${last}`) };
    const known = size <= tree.head.size ? await tree.rangeHash(0, size) : root;
    if (!sameBytes(known, root))
      return { size, problem: altered(`has a checkpoint of ${size} entries of another history`) };
    return { size };
  } catch (error) {
    if (!isWeighbridgeError(error) || error.code === 'LOG_UNAVAILABLE') throw error;
    return { problem: altered(`has a checkpoint that is not the log's: ${error.message}`) };
  }
}

function linkProblem({ batch }: LoadedBatch, before: Loaded | undefined): Problem | undefined {
  if (before === undefined || !('batch' in before) || batch.previous === before.commitId) return undefined;
  return { kind: 'altered', detail: `batch ${batch.seq} does not name the batch before it` };
}

function recordProblem({ batch }: LoadedBatch, inLog: Map<number, string>, total: number): Problem | undefined {
  for (const { index, leafHash } of batch.records) {
    if (index >= total) continue; // published after the checkpoint that was read here
    const inIt = inLog.get(index);
    if (inIt === undefined)
      return { kind: 'extra', detail: `batch ${batch.seq} has a record at ${index} that the log has not` };
    if (inIt !== leafHash)
      return { kind: 'altered', detail: `batch ${batch.seq} has another record at ${index} than the log` };
  }
  return undefined;
}

function verdict(scan: Scan, loaded: Loaded[], batches: BatchFinding[]): CeramicHistory {
  const base = {
    with: 'Ceramic alone',
    name: 'ceramic:history',
    adds: 'what others keep of this dataset is what the log shows, batch by batch, each under a checkpoint of the same history',
    restsOn: "the relay's did:key, the trust file's keys and the Ceramic node's copy",
    batches,
  };
  const published = new Set(
    loaded.flatMap((one) => ('batch' in one ? one.batch.records.map(({ index }) => index) : [])),
  );
  const newest = Math.max(-1, ...published);
  const left = scan.entries.find(({ index }) => index < newest && !published.has(index));
  const problem =
    batches.find(({ problem: found }) => found !== undefined)?.problem ??
    (left === undefined
      ? undefined
      : { kind: 'missing', detail: `the record at ${left.index} is in no batch, later ones are` });
  if (problem !== undefined)
    return { ...base, ok: false, code: 'NOT_IN_LOG', detail: `${problem.kind}: ${problem.detail}` };
  const behind = scan.entries.filter(({ index }) => index > newest).length;
  const detail = `${published.size} records in ${batches.length} batches`;
  return { ...base, ok: true, detail: behind === 0 ? detail : `${detail}; the newest ${behind} of the log not yet` };
}
