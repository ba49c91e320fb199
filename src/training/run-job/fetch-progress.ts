import type { Piece } from '../../catalog/manifest.js';
import type { PieceStore } from '../../storage/index.js';
import type { TrainInput } from '../ports.js';
import { progressPacer } from '../progress/pacer.js';

/**
 * The pieces that a run reads, and how much of their ciphertext has been fetched. A piece may be fetched again (a copy that lied, a
 * box that is replaced): its furthest byte counts. Nothing is told of a run whose pieces come by columns, and so not whole.
 * @param report - hears of it at most four times a second, and of the last byte; MUST NOT throw
 */
export function countedPieces(
  pieces: readonly Pick<Piece, 'pieceCid' | 'sizeBytes'>[],
  store: Pick<PieceStore, 'download'>,
  report: (fetchedBytes: number, toFetchBytes: number) => void,
  nowMs?: () => number,
): TrainInput['pieces'] {
  const toFetchBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const furthest = new Map<number, number>();
  let fetchedBytes = 0;
  const isDue = progressPacer(nowMs);
  const reach = (number: number, bytes: number): void => {
    const before = furthest.get(number) ?? 0;
    if (bytes <= before) return;
    furthest.set(number, bytes);
    fetchedBytes += bytes - before;
    // Pieces are of one table: where the first comes by columns, all do but a small last one, which has no index.
    if (!furthest.has(0)) return;
    if (isDue(fetchedBytes, toFetchBytes)) report(fetchedBytes, toFetchBytes);
  };
  return pieces.map(
    ({ pieceCid, sizeBytes }, number) =>
      (signal) =>
        store.download(pieceCid, signal, (bytes) => reach(number, Math.min(bytes, sizeBytes))),
  );
}
