import type { Piece } from '../../catalog/manifest.js';
import type { PieceStore } from '../../storage/index.js';
import type { TrainInput } from '../ports.js';

/** Watchers hear of progress at most so often, whatever a sandbox or a provider sends. */
export const PROGRESS_EVERY_MS = 250;

/**
 * The pieces that a run reads, and how much of their ciphertext has been fetched. A piece may be fetched again (a copy that lied, a
 * box that is replaced): its furthest byte counts. Nothing is told of a run whose pieces come by columns, and so not whole.
 * @param report - hears of it at most four times a second, and of the last byte; MUST NOT throw
 */
export function countedPieces(
  pieces: readonly Pick<Piece, 'pieceCid' | 'sizeBytes'>[],
  store: Pick<PieceStore, 'download'>,
  report: (fetchedBytes: number, toFetchBytes: number) => void,
  nowMs: () => number = () => performance.now(),
): TrainInput['pieces'] {
  const toFetchBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const furthest = new Map<number, number>();
  let fetchedBytes = 0;
  let lastMs = -Infinity;
  const reach = (number: number, bytes: number): void => {
    const before = furthest.get(number) ?? 0;
    if (bytes <= before) return;
    furthest.set(number, bytes);
    fetchedBytes += bytes - before;
    // Pieces are of one table: where the first comes by columns, all do but a small last one, which has no index.
    if (!furthest.has(0)) return;
    if (fetchedBytes !== toFetchBytes && nowMs() - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs();
    report(fetchedBytes, toFetchBytes);
  };
  return pieces.map(
    ({ pieceCid, sizeBytes }, number) =>
      (signal) =>
        store.download(pieceCid, signal, (bytes) => reach(number, Math.min(bytes, sizeBytes))),
  );
}
