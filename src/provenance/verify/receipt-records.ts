import { parseEntry, type LogEntry } from '../record.js';
import { fromBase64 } from './base64.js';
import { CheckFailed } from './checks.js';
import type { Receipt, ReceiptRecord } from './receipt-schema.js';
import { pureHasher, verifyInclusion } from './rfc6962.js';
import { parseCheckpoint } from './checkpoint.js';
import { parseNote } from './note.js';
import { parseTlogProof, type TlogProof } from './tlog-proof.js';

type EntryOfType<T> = Extract<LogEntry, { type: T }>;

/** One record of a receipt, parsed. */
export interface ProvenRecord<T extends ReceiptRecord = ReceiptRecord> {
  entry: EntryOfType<T>;
  entryBytes: Uint8Array;
  proof: TlogProof;
}
export type ReceiptRecords = { [T in ReceiptRecord]: ProvenRecord<T> };

/** @throws CheckFailed, WeighbridgeError BAD_INPUT if the entry is malformed or of another type */
export function readRecord<T extends ReceiptRecord>(records: Receipt['records'], type: T): ProvenRecord<T> {
  const { entry: encoded, proof } = records[type];
  const entryBytes = fromBase64(encoded);
  const entry = parseEntry(entryBytes);
  if (entry.type !== type) throw new CheckFailed('RECORD_MALFORMED', `a ${entry.type} record in the place of ${type}`);
  const parsed = parseTlogProof(proof);
  // Authenticated by nothing, so it has no place in a receipt.
  if (parsed.extra !== undefined) throw new CheckFailed('RECORD_MALFORMED', 'the proof carries extra data');
  return { entry: entry as EntryOfType<T>, entryBytes, proof: parsed };
}

/**
 * That the entry is under the proof's checkpoint. Whether the checkpoint is the log's is a check of its own.
 * @returns what a person reads
 */
export function checkInclusion({ entryBytes, proof }: Pick<ProvenRecord, 'entryBytes' | 'proof'>): string {
  const checkpoint = parseCheckpoint(parseNote(proof.checkpoint).text);
  if (!verifyInclusion(pureHasher.leaf(entryBytes), proof.index, checkpoint, proof.hashes)) {
    throw new CheckFailed('NOT_IN_LOG', `the entry is not number ${proof.index} of the ${checkpoint.size} in the log`);
  }
  return `entry ${proof.index} of a log of ${checkpoint.size}`;
}
