import { toHex } from '../kernel/index.js';
import { positionOfRecord } from './commitment.js';
import { parseEntry } from './record.js';
import type { Position } from './statements.js';
import { pureHasher } from './verify/rfc6962.js';

/** Of the first record of a dataset: its listing. */
export const FIRST_POSITION: Position = { sequence: 1, previous: null };

/** Of the record that follows this entry in its dataset. @throws WeighbridgeError BAD_INPUT */
export function positionAfter(entry: Uint8Array): Position {
  const { sequence } = positionOfRecord(parseEntry(entry));
  return { sequence: sequence + 1, previous: toHex(pureHasher.leaf(entry)) };
}
