import { WeighbridgeError } from '../../kernel/index.js';

/** C2SP entry bundle: each entry behind its length, a big-endian uint16. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(entries.reduce((bytes, entry) => bytes + 2 + entry.length, 0));
  let offset = 0;
  for (const entry of entries) {
    out[offset] = entry.length >> 8;
    out[offset + 1] = entry.length & 0xff;
    out.set(entry, offset + 2);
    offset += 2 + entry.length;
  }
  return out;
}

/** The first `count` entries of a bundle. @throws WeighbridgeError PROOF_INVALID if it holds fewer or ends in between */
export function decodeBundle(bundle: Uint8Array, count: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (entries.length < count) {
    const length = (bundle[offset] ?? 0) * 256 + (bundle[offset + 1] ?? 0);
    const end = offset + 2 + length;
    if (end > bundle.length) {
      throw new WeighbridgeError('PROOF_INVALID', `an entry bundle ends within entry ${entries.length}`, {
        next: 'Fetch it again; if it stays so, do not rely on this log.',
      });
    }
    entries.push(bundle.slice(offset + 2, end));
    offset = end;
  }
  return entries;
}
