import { randomBytes } from 'node:crypto';
import { to0x, toHex, type Bytes32 } from '../../src/kernel/index.js';
import type { RecordBatch } from '../../src/provenance/relay/index.js';

export const CERAMIC_ORIGIN = 'weighbridge.test/log';

export const randomWord = (): Bytes32 => to0x(randomBytes(32));

/** The first batch of a key id, of random leaf hashes from log index `first` on. */
export function batchOf(keyId: Bytes32, count: number, first = 0): RecordBatch {
  const records = Array.from({ length: count }, (_, i) => ({ index: first + i, leafHash: toHex(randomBytes(32)) }));
  const at = '2026-11-25T12:00:00.000Z';
  return { keyId, seq: 1, count, records, from: at, to: at, origin: CERAMIC_ORIGIN, checkpoint: 'a note' };
}
