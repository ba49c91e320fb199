import { isWeighbridgeError, sameBytes } from '../../kernel/index.js';
import { VerifiedTree, type LogReader } from '../../provenance/index.js';
import type { Check, TreeHead } from '../../provenance/verify/index.js';
import type { CeramicReader, ChainReader } from '../ports.js';
import { headOnChain } from './log-reader.js';
import type { Scan } from './scan.js';

/** One comparison of the log with somebody else's memory. */
export interface AuditComparison extends Check {
  with: string;
  /** What a pass adds to what the log alone can prove. */
  adds: string;
}

/** The log against the newest root that the chain keeps. @throws WeighbridgeError CHAIN_UNAVAILABLE, LOG_UNAVAILABLE */
export async function compareWithAnchor(log: LogReader, head: TreeHead, chain: ChainReader): Promise<AuditComparison> {
  const base = {
    with: 'the chain',
    name: 'chain:anchor',
    adds: 'the log shows you the history that it shows the chain: it can neither be rewritten nor shown differently to each',
    restsOn: 'the chain, as the RPC node tells it',
  };
  const anchored = headOnChain(await chain.anchored());
  const fail = (detail: string): AuditComparison => ({ ...base, ok: false, code: 'CHAIN_DISAGREES', detail });
  if (anchored.size === 0) return { ...base, ok: true, detail: 'nothing is anchored yet: nothing to compare' };
  if (anchored.size > head.size) return fail(`the chain knows ${anchored.size} entries, the log shows ${head.size}`);
  const tree = await VerifiedTree.open(async (path) => log.tile(path), head);
  const root = await tree.rangeHash(0, anchored.size);
  if (!sameBytes(root, anchored.root))
    return fail(`the first ${anchored.size} entries are not those that were anchored`);
  return {
    ...base,
    ok: true,
    detail: `the first ${anchored.size} of ${head.size} entries make the root that LogAnchor holds`,
  };
}

/** The dataset's records against its public streams. @throws WeighbridgeError CERAMIC_UNAVAILABLE */
export async function compareWithCeramic(
  scan: Scan,
  ceramic: Pick<CeramicReader, 'readBatches'>,
): Promise<AuditComparison> {
  const base = {
    with: 'Ceramic',
    name: 'ceramic:records',
    adds: 'a record that was ever published cannot vanish from the log, or change in it, unseen',
    restsOn: "the relay's did:key and the Ceramic node's copy",
  };
  const fail = (detail: string): AuditComparison => ({ ...base, ok: false, code: 'NOT_IN_LOG', detail });
  const inLog = new Map(scan.entries.map(({ index, leafHash }) => [index, leafHash]));
  let published: { index: number; leafHash: string }[];
  try {
    published = (await ceramic.readBatches(scan.keyId)).flatMap(({ batch }) => batch.records);
  } catch (error) {
    if (isWeighbridgeError(error) && error.code === 'PROOF_INVALID') return fail(error.message);
    throw error;
  }
  const newest = published.at(-1)?.index ?? -1;
  for (const { index, leafHash } of published) {
    // Published after the checkpoint that was read here.
    if (index >= scan.total) continue;
    if (inLog.get(index) === undefined) return fail(`the record published at ${index} is not in the log`);
    if (inLog.get(index) !== leafHash) return fail(`the log holds another record at ${index} than was published`);
  }
  const holes = scan.entries.filter(({ index }) => index < newest && !published.some((one) => one.index === index));
  if (holes[0] !== undefined) return fail(`the record at ${holes[0].index} was never published, later ones were`);
  const behind = scan.entries.filter(({ index }) => index > newest).length;
  const detail = `${scan.entries.length - behind} of ${scan.entries.length} records are in the public streams`;
  return { ...base, ok: true, detail: behind === 0 ? detail : `${detail}, the newest ${behind} not yet` };
}
