import { hash } from 'node:crypto';
import { WeighbridgeError } from '../../kernel/index.js';
import { HASH_BYTES } from '../tiles/tile-path.js';

/**
 * Leaf hashes of a bundle's first `count` entries, one after the other, as a hash tile has them. Consumes the bundle: the
 * RFC 6962 leaf prefix is written over the last byte of each length, which stands where it belongs, so nothing is copied.
 * @throws WeighbridgeError PROOF_INVALID if it holds fewer entries, ends within one, or goes on after them
 */
export function hashBundle(bundle: Uint8Array, count: number, full = true): Uint8Array {
  const hashes = Buffer.alloc(count * HASH_BYTES);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const start = offset + 2;
    const end = start + (bundle[offset] ?? 0) * 256 + (bundle[offset + 1] ?? 0);
    if (start > bundle.length || end > bundle.length) throw cut(`ends within entry ${i}`);
    bundle[start - 1] = 0;
    // By way of hex, as in node-hasher.ts: bytes would be an allocation outside the heap.
    hashes.write(hash('sha256', bundle.subarray(start - 1, end), 'hex'), i * HASH_BYTES, 'hex');
    offset = end;
  }
  if (full && offset !== bundle.length) throw cut('holds more than its entries');
  return hashes;
}

function cut(how: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `an entry bundle ${how}`, {
    next: 'Fetch it again; if it stays so, do not rely on this log.',
  });
}
