import { isWeighbridgeError, WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import {
  keyIdOfRecord,
  parseEntry,
  readEntries,
  verifyEntry,
  type LogEntry,
  type LogReader,
} from '../../provenance/index.js';
import { marketOf, type TreeHead, type Trust } from '../../provenance/verify/index.js';

/** One log entry about the dataset. */
export interface ScannedEntry {
  index: number;
  leafHash: string;
  entry: LogEntry;
  /** What is wrong with it by itself: its signature, or its agreement with itself. */
  problem: string | undefined;
}

export interface Scan {
  keyId: Bytes32;
  entries: ScannedEntry[];
  /** Entries in the whole log, each found under the checkpoint. */
  total: number;
  /** Indexes of entries that follow no rule of ours. They belong to no dataset, and nobody should have been able to add them. */
  unreadable: number[];
}

/**
 * Reads every entry of the log, in order, and keeps those of one dataset. Each is under the signed checkpoint, or the scan
 * ends: a proof that fails leaves nothing to report.
 * @param dataset - `0x` and at least 8 hex digits of a key id
 * @throws WeighbridgeError PROOF_INVALID, LOG_UNAVAILABLE, DATASET_NOT_FOUND, BAD_INPUT
 */
export async function scanLog(log: LogReader, head: TreeHead, trust: Trust, dataset: string): Promise<Scan> {
  const prefix = prefixOf(dataset);
  const { entries, unreadable } = await scanRecords(log, head, trust, (entry) =>
    keyIdOfRecord(entry).startsWith(prefix),
  );
  const byKey = new Map<Bytes32, ScannedEntry[]>();
  for (const one of entries) {
    const keyId = keyIdOfRecord(one.entry);
    byKey.set(keyId, [...(byKey.get(keyId) ?? []), one]);
  }
  const [found, ...more] = byKey;
  if (found === undefined) throw notInLog(dataset);
  if (more.length > 0) throw ambiguous(dataset, [...byKey.keys()]);
  return { keyId: found[0], entries: found[1], total: head.size, unreadable };
}

/**
 * The records of the log that are wanted, in order, each under the signed checkpoint and held against its signatures.
 * @throws WeighbridgeError PROOF_INVALID, LOG_UNAVAILABLE
 */
export async function scanRecords(
  log: LogReader,
  head: TreeHead,
  trust: Trust,
  isWanted: (entry: LogEntry) => boolean,
): Promise<Pick<Scan, 'entries' | 'unreadable'>> {
  const entries: ScannedEntry[] = [];
  const unreadable: number[] = [];
  for await (const { index, entry: bytes, leafHash } of readEntries(log, head)) {
    const entry = read(bytes);
    if (entry === undefined) unreadable.push(index);
    else if (isWanted(entry)) entries.push({ index, leafHash, entry, problem: await problemOf(bytes, trust) });
  }
  return { entries, unreadable };
}

/** @throws WeighbridgeError BAD_INPUT for what begins no id */
export function prefixOf(dataset: string): string {
  const prefix = dataset.toLowerCase().replace(/^(0x)?/, '0x');
  if (/^0x[0-9a-f]{8,64}$/.test(prefix)) return prefix;
  throw new WeighbridgeError('BAD_INPUT', `"${dataset}" is not a dataset id`, {
    next: 'Give 0x and 8 to 64 hex digits, as "weighbridge search" prints them.',
  });
}

function read(bytes: Uint8Array): LogEntry | undefined {
  try {
    return parseEntry(bytes);
  } catch {
    return undefined;
  }
}

async function problemOf(bytes: Uint8Array, trust: Trust): Promise<string | undefined> {
  try {
    await verifyEntry(bytes, { market: marketOf(trust), recorder: trust.recorder });
    return undefined;
  } catch (error) {
    if (isWeighbridgeError(error)) return error.message;
    throw error;
  }
}

function notInLog(dataset: string): WeighbridgeError {
  return new WeighbridgeError('DATASET_NOT_FOUND', `the log holds no record about ${dataset}`, {
    next: 'Find its id with "weighbridge search". A dataset that is offered but not in the log must not be bought.',
  });
}

function ambiguous(dataset: string, keyIds: Bytes32[]): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `${dataset} is the beginning of ${keyIds.length} dataset ids`, {
    next: `Give more digits: ${keyIds.slice(0, 5).join(', ')}.`,
    details: { keyIds },
  });
}
