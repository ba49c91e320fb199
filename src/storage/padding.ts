import { DEFAULT_FRAME_BYTES, LAYOUT_SHARE, MAX_PIECE_BYTES, TAG_BYTES } from './limits.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './header.js';
import { indexBytesOf } from './shard-index.js';

/** In front of a shard's own bytes stands their number, u64 big-endian: the rest of the plaintext is zeros. */
export const PREFIX_BYTES = 8;

/**
 * Plaintext bytes of a piece that holds `dataBytes`: padded as Padmé does (Nikitin et al., "Reducing Metadata Leakage from
 * Encrypted Files", PoPETs 2019, section 4), so that a size tells no more than its length in bits and the five bits after the
 * first. It costs at most 1/32 for shards from 64 KiB, and at most an eighth for any.
 */
export function paddedBytes(dataBytes: number): number {
  const size = dataBytes + PREFIX_BYTES;
  const exponent = Math.floor(Math.log2(size));
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return Math.ceil(size / step) * step;
}

/** Bytes of the piece of so many plaintext bytes, padding included, without its index. */
export function pieceBytes(plaintextBytes: number, frameBytes = DEFAULT_FRAME_BYTES): number {
  const frames = Math.ceil(plaintextBytes / frameBytes);
  return LENGTH_BYTES + MAX_HEADER_BYTES + plaintextBytes + frames * TAG_BYTES;
}

/** What an index may take at most of so many plaintext bytes: where columns are, and a root a block. */
function indexBytesAtMost(plaintextBytes: number, frameBytes = DEFAULT_FRAME_BYTES): number {
  return Math.floor(plaintextBytes / LAYOUT_SHARE) + indexBytesOf(new Uint8Array(0), { plaintextBytes, frameBytes });
}

/** The largest shard whose piece is not too large for Filecoin, with its index. */
export const MAX_SHARD_BYTES = ((): number => {
  let fits = 0;
  for (let step = 2 ** 29; step >= 1; step /= 2) {
    const plaintextBytes = paddedBytes(fits + step);
    if (pieceBytes(plaintextBytes) + indexBytesAtMost(plaintextBytes) <= MAX_PIECE_BYTES) fits += step;
  }
  return fits;
})();
