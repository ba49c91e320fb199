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
  const isDue = progressPacer(nowMs);
  const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0);
  const reach = (pieceCid: string, bytes: number): void => {
    if (bytes <= (furthest.get(pieceCid) ?? 0)) return;
    furthest.set(pieceCid, bytes);
    const begunBytes = sum([...toFetch.keys()].map((begun) => sizeOf.get(begun) ?? 0));
    const share = sum(toFetch.values()) / begunBytes;
    const toFetchBytes = Math.round(sum(sizeOf.values()) * share);
    const fetchedBytes = sum(furthest.values());
    if (isDue(fetchedBytes, toFetchBytes)) report(fetchedBytes, toFetchBytes);
  };
  const whole = pieces.map(({ pieceCid, sizeBytes }) => (signal: AbortSignal) => {
    toFetch.set(pieceCid, sizeBytes);
    return sources.pieces.download(pieceCid, signal, (bytes) => reach(pieceCid, Math.min(bytes, sizeBytes)));
  });
  const { parts } = sources;
  if (parts === undefined) return { pieces: whole };
  const blocks: VerifiedParts['blocks'] = async function* (pieceCid, known, runs, signal) {
    toFetch.set(pieceCid, bytesIn(runs, sizeOf.get(pieceCid) ?? 0));
    let fetchedBytes = 0;
    for await (const block of parts.blocks(pieceCid, known, runs, signal)) {
      reach(pieceCid, (fetchedBytes += block.length));
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
