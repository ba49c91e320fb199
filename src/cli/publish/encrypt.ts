import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createPieceEncryptor } from '../../storage/index.js';
import type { PieceHasher } from '../ports.js';

export interface EncryptedPiece {
  pieceCid: string;
  sizeBytes: number;
}

/**
 * Encrypts one shard into a piece and computes its CID in the same pass, in the memory of a few chunks. The file is on the
 * disk, fsynced, when this returns.
 * @param dataKey - 32 bytes; the caller zeroes it
 * @throws Error with code ENOSPC when the disk is full
 */
export async function encryptShard(
  shardFile: string,
  pieceFile: string,
  dataKey: Uint8Array,
  hasher: PieceHasher,
  onBytes: (sizeBytes: number) => void = () => undefined,
): Promise<EncryptedPiece> {
  let sizeBytes = 0;
  await pipeline(
    createReadStream(shardFile, { highWaterMark: 1 << 20 }),
    createPieceEncryptor({ dataKey }),
    async function* weigh(ciphertext: AsyncIterable<Uint8Array>) {
      for await (const chunk of ciphertext) {
        hasher.write(chunk);
        sizeBytes += chunk.length;
        onBytes(sizeBytes);
        yield chunk;
      }
    },
    createWriteStream(pieceFile, { mode: 0o600, flush: true }),
  );
  return { pieceCid: hasher.digest(), sizeBytes };
}
