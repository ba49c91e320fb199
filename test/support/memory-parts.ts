import { PIECE_BLOCK_BYTES, type VerifiedParts } from '../../src/storage/index.js';
import { PieceHasher } from '../../web3/filecoin/commp.js';

/** Pieces in memory that are read by blocks; what a reader knows of a piece must be true of it, as of one in a store. */
export function memoryParts(pieces: ReadonlyMap<string, Uint8Array>): VerifiedParts & { readBytes: number } {
  const bytesOf = (pieceCid: string): Uint8Array => {
    const bytes = pieces.get(pieceCid);
    if (bytes === undefined) throw new Error('no such piece');
    return bytes;
  };
  const parts = {
    readBytes: 0,
    part: async (pieceCid: string, from: number, to: number) => take(bytesOf(pieceCid), from, to),
    async *blocks(pieceCid, { roots, tail }, runs) {
      const bytes = bytesOf(pieceCid);
      const digest = (hasher: PieceHasher): string => hasher.digest();
      if (digest(new PieceHasher().writeRoots(roots).write(tail)) !== digest(new PieceHasher().write(bytes))) {
        throw new Error('roots of another piece');
      }
      for (const { first, last } of runs) {
        for (let block = first; block <= last; block++) {
          yield take(bytes, block * PIECE_BLOCK_BYTES, (block + 1) * PIECE_BLOCK_BYTES);
        }
      }
    },
  } satisfies VerifiedParts & { readBytes: number };
  const take = (bytes: Uint8Array, from: number, to: number): Uint8Array => {
    const part = bytes.subarray(from, to);
    parts.readBytes += part.length;
    return part;
  };
  return parts;
}
