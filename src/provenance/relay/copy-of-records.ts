import { HEADER, TRAILER_BYTES } from '../log/copy-buffer.js';
import type { IndexedRecord } from './ports.js';

const COLUMNS = 'index, type, leaf_hash, key_id, sequence, order_id, licence, weights, initial_weights, actor, at';
export const COPY_RECORDS = `COPY log_records (${COLUMNS}) FROM STDIN BINARY`;

/** Number of fields, the length of each, two numbers and a time. */
const ROW_BYTES = 2 + 11 * 4 + 2 * 4 + 8;
/** PostgreSQL counts microseconds from the year 2000. */
const EPOCH_MS = Date.UTC(2000, 0, 1);

/**
 * Rows of `log_records` in PostgreSQL's binary COPY format. As JSON, or as arrays, each would be parsed there, and inserted by itself:
 * half as dear again.
 */
export function copyOfRecords(records: readonly IndexedRecord[]): Buffer {
  const rows = records.map(textsOf);
  let bytes = HEADER.length + TRAILER_BYTES;
  for (const texts of rows) bytes += texts.reduce((sum, text) => sum + (text?.length ?? 0), ROW_BYTES);
  const out = Buffer.allocUnsafe(bytes);
  let offset = HEADER.copy(out);
  for (const [i, { index, sequence, at }] of records.entries()) {
    const [type, leafHash, keyId, ...others] = rows[i] ?? [];
    offset = out.writeInt16BE(11, offset);
    offset = writeInt4(out, index, offset);
    for (const text of [type, leafHash, keyId]) offset = writeText(out, text, offset);
    offset = writeInt4(out, sequence, offset);
    for (const text of others) offset = writeText(out, text, offset);
    offset = out.writeInt32BE(8, offset);
    offset = out.writeBigInt64BE(BigInt(at.getTime() - EPOCH_MS) * 1_000n, offset);
  }
  out.writeInt16BE(-1, offset);
  return out;
}

/** Those columns that are text, in order. All are ASCII: the schemas of records let nothing else through. */
function textsOf(record: IndexedRecord): (string | undefined)[] {
  const { type, leafHash, keyId, orderId, licence, weights, initialWeights, actor } = record;
  return [type, leafHash, keyId, orderId, licence, weights, initialWeights, actor?.toLowerCase()];
}

function writeInt4(out: Buffer, value: number, offset: number): number {
  return out.writeInt32BE(value, out.writeInt32BE(4, offset));
}

/** NULL has the length -1. */
function writeText(out: Buffer, text: string | undefined, offset: number): number {
  const start = out.writeInt32BE(text?.length ?? -1, offset);
  return text === undefined ? start : start + out.write(text, start, 'latin1');
}
