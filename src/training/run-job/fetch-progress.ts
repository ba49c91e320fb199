import type { Piece } from '../../catalog/manifest.js';
import { PIECE_BLOCK_BYTES, type BlockRun, type PieceStore, type VerifiedParts } from '../../storage/index.js';
import type { TrainInput } from '../ports.js';
import { progressPacer } from '../progress/pacer.js';

interface Sources {
  pieces: Pick<PieceStore, 'download'>;
  /** Left out where every piece is read whole. */
  parts: VerifiedParts | undefined;
}

/**
 * The pieces that a run reads, whole and in parts, and how much of their ciphertext has been fetched. A piece may be fetched again (a
 * copy that lied, a box that is replaced, columns that had to be given up): its furthest byte counts. How much there is to fetch is
 * known of a piece once it is begun; those that are still to come are taken to be read as those before them.
 * @param report - hears of it at most four times a second, and of the last byte; MUST NOT throw
 */
export function countedPieces(
  pieces: readonly Pick<Piece, 'pieceCid' | 'sizeBytes'>[],
  sources: Sources,
  report: (fetchedBytes: number, toFetchBytes: number) => void,
  nowMs?: () => number,
): Pick<TrainInput, 'pieces' | 'parts'> {
  const furthest = new Map<string, number>();
  const toFetch = new Map<string, number>();
  const sizeOf = new Map(pieces.map(({ pieceCid, sizeBytes }) => [pieceCid, sizeBytes]));
  const allBytes = [...sizeOf.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  // Of the pieces that are begun. Kept, not summed up: there are hundreds of pieces, and each block of one comes by here.
  let [fetchedBytes, begunBytes, wantedBytes] = [0, 0, 0];
  const isDue = progressPacer(nowMs);
  const begin = (pieceCid: string, bytes: number): void => {
    const before = toFetch.get(pieceCid);
    if (before === undefined) begunBytes += sizeOf.get(pieceCid) ?? 0;
    wantedBytes += bytes - (before ?? 0);
    toFetch.set(pieceCid, bytes);
  };
  const reach = (pieceCid: string, bytes: number): void => {
    const before = furthest.get(pieceCid) ?? 0;
    if (bytes <= before) return;
    furthest.set(pieceCid, bytes);
    fetchedBytes += bytes - before;
    const toFetchBytes = Math.round(allBytes * (wantedBytes / begunBytes));
    if (isDue(fetchedBytes, toFetchBytes)) report(fetchedBytes, toFetchBytes);
  };
  const whole = pieces.map(({ pieceCid, sizeBytes }) => (signal: AbortSignal) => {
    begin(pieceCid, sizeBytes);
    return sources.pieces.download(pieceCid, signal, (bytes) => reach(pieceCid, Math.min(bytes, sizeBytes)));
  });
  const { parts } = sources;
  if (parts === undefined) return { pieces: whole };
  const blocks: VerifiedParts['blocks'] = async function* (pieceCid, known, runs, signal) {
    begin(pieceCid, bytesIn(runs, sizeOf.get(pieceCid) ?? 0));
    let readBytes = 0;
    for await (const block of parts.blocks(pieceCid, known, runs, signal)) {
      reach(pieceCid, (readBytes += block.length));
      yield block;
    }
  };
  return { pieces: whole, parts: { part: async (...range) => parts.part(...range), blocks } };
}

/** Bytes of these blocks; the last one of a piece may be shorter. */
function bytesIn(runs: readonly BlockRun[], sizeBytes: number): number {
  return runs.reduce(
    (all, { first, last }) => all + Math.min(sizeBytes, (last + 1) * PIECE_BLOCK_BYTES) - first * PIECE_BLOCK_BYTES,
    0,
  );
}
