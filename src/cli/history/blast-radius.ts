import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import {
  blastRadiusOf,
  formatBlastRadius,
  formatTlogProof,
  inclusionProof,
  keyIdOfRecord,
  NOT_UNLEARNED,
  openLogSource,
  parseEntry,
  readEntries,
  toBase64,
  Touched,
  verifyBlastRadius,
  VerifiedTree,
  type BlastRadius,
  type LogEntry,
  type LogReader,
} from '../../provenance/index.js';
import { verifyCheckpoint, type Trust } from '../../provenance/verify/index.js';
import { prefixOf } from '../audit/scan.js';
import type { Cli } from '../cli.js';
import { writeFileAtomic } from '../state/atomic-file.js';
import { facts } from '../ui/table.js';
import { readBytes, readTrust } from '../verify/read-files.js';

interface Options {
  out?: string;
  check?: string;
  trust?: string;
}

/** Makes a report from the log, or checks one that was made. */
export async function runBlastRadius(cli: Cli, dataset: string | undefined, options: Options): Promise<void> {
  if ((dataset === undefined) === (options.check === undefined)) throw oneOfBoth();
  const { trust, from } = await readTrust(cli, options.trust);
  const bytes =
    options.check === undefined ? await makeReport(cli, dataset ?? '', trust) : await readBytes(options.check);
  // What was just made goes through the same judge as what somebody brought.
  const { keyId, ...touched } = await verifyBlastRadius(bytes, trust);
  if (options.out !== undefined) await writeFileAtomic(options.out, bytes, 0o644);
  cli.ui.result({ ok: true, keyId, trust: from, limits: NOT_UNLEARNED, ...touched }, () => [
    `dataset ${cli.ui.out.bold(keyId)}`,
    ...facts([
      ['revoked', revokedAs(touched)],
      ['licences', String(touched.licences.length)],
      ['accesses', String(touched.accesses.length)],
      ['models on it', String(touched.models.filter((model) => model.from === 'dataset').length)],
      ['models from those', String(touched.models.filter((model) => model.from === 'model').length)],
      ['payouts', String(touched.payouts.length)],
      ...(options.out === undefined ? [] : [['report', options.out] as [string, string]]),
    ]),
    ...touched.models.map((model) => `model ${model.weights} (record ${model.index}, ${model.from})`),
    '',
    NOT_UNLEARNED,
    `Every record is in the log, numbered without a gap, and signed by its party, by the keys of ${from}.`,
  ]);
}

async function makeReport(cli: Cli, dataset: string, trust: Trust): Promise<Uint8Array> {
  const { log: place } = await cli.network();
  cli.ui.note(`reading the log at ${place.url}`);
  return blastRadiusReport(openLogSource({ url: place.url }), trust, dataset);
}

/**
 * Reads the whole log, so that nothing up to its checkpoint can be left out.
 * @returns the report's bytes
 * @throws WeighbridgeError BAD_INPUT, DATASET_NOT_FOUND, PROOF_INVALID, LOG_UNAVAILABLE
 */
export async function blastRadiusReport(log: LogReader, trust: Trust, dataset: string): Promise<Uint8Array> {
  const checkpoint = await log.checkpoint();
  const head = verifyCheckpoint(checkpoint, trust);
  const { keyId, kept } = await scan(log, head, prefixOf(dataset));
  const tree = await VerifiedTree.open(async (path) => log.tile(path), head);
  const records: { entry: string; proof: string }[] = [];
  for (const { index, bytes } of kept) {
    const hashes = await inclusionProof(tree, index);
    records.push({ entry: toBase64(bytes), proof: formatTlogProof({ index, hashes, checkpoint }) });
  }
  const touched = blastRadiusOf(keyId, kept);
  const format = 'weighbridge-blast-radius/v1';
  return formatBlastRadius({ format, keyId, logSize: head.size, limits: NOT_UNLEARNED, touched, records });
}

interface Kept {
  index: number;
  bytes: Uint8Array;
  entry: LogEntry;
}

/** A dataset's first record is its listing, so nothing of it comes before the id is known. */
async function scan(
  log: LogReader,
  head: Parameters<typeof readEntries>[1],
  prefix: string,
): Promise<{ keyId: Bytes32; kept: Kept[] }> {
  let keyId: Bytes32 | undefined;
  let touched: Touched | undefined;
  const kept: Kept[] = [];
  for await (const { index, entry: bytes } of readEntries(log, head)) {
    const entry = read(bytes);
    if (entry === undefined) continue;
    const own = keyIdOfRecord(entry);
    if (own.startsWith(prefix) && own !== keyId) {
      if (keyId !== undefined) throw ambiguous(prefix, [keyId, own]);
      [keyId, touched] = [own, new Touched(own)];
    }
    if (touched?.take(entry) !== undefined || own === keyId) kept.push({ index, bytes, entry });
  }
  if (keyId === undefined) throw notInLog(prefix);
  return { keyId, kept };
}

function read(bytes: Uint8Array): LogEntry | undefined {
  try {
    return parseEntry(bytes);
  } catch {
    return undefined;
  }
}

function revokedAs({ revocations }: BlastRadius): string {
  const whole = revocations.find(({ licence }) => licence === null);
  if (whole !== undefined) return `yes, ${whole.revokedAt}`;
  return revocations.length === 0 ? 'no' : `${revocations.length} of its licences`;
}

function ambiguous(prefix: string, keyIds: Bytes32[]): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `${prefix} is the beginning of several dataset ids`, {
    next: `Give more digits: ${keyIds.join(', ')}.`,
    details: { keyIds },
  });
}

function notInLog(prefix: string): WeighbridgeError {
  return new WeighbridgeError('DATASET_NOT_FOUND', `the log holds no record about ${prefix}`, {
    next: 'Find its id with "weighbridge search".',
  });
}

function oneOfBoth(): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', 'give a dataset, or --check with a report', {
    next: 'See "weighbridge blast-radius --help".',
  });
}
