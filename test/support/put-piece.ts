import { createReadStream } from 'node:fs';
import type { PieceStore, StoredPiece } from '../../src/storage/index.js';

/** Stores one piece alone: what a publish does with each of many. */
export async function putPiece(
  store: PieceStore,
  piece: StoredPiece,
  file: string,
  onProgress?: (sentBytes: number) => void,
): Promise<StoredPiece> {
  const session = await store.open(piece.sizeBytes);
  if (!(await session.holds(piece.pieceCid))) {
    await session.send(createReadStream(file), () => piece.pieceCid, onProgress);
  }
  await session.commit([piece]);
  return piece;
}
