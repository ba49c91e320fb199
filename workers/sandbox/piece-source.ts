import { fromHex } from '../../src/kernel/index.js';
import {
  indexKeyOf,
  isWorthIndex,
  readAhead,
  readColumns,
  splitPiece,
  type CipherFrame,
  type Opener,
  type SplitPiece,
  unwrapShardKey,
} from '../../src/storage/index.js';
import { columnsRead, type TrainInput } from '../../src/training/index.js';

/** A piece's header and what of it is sent, then its frames. */
export type PieceItem = SplitPiece | CipherFrame;

/**
 * The pieces of a job, some ahead of their reader. Where the job reads few columns and a piece has an index, only frames of these
 * columns are fetched; otherwise, or if that fails, the whole piece, which is tried longer and from all copies at once.
 * @param versionKey - 32 bytes, read at once and not kept: what is kept opens indexes alone
 */
export function piecesOf(input: TrainInput, versionKey: Uint8Array): Opener<PieceItem>[] {
  const { manifest, declaration, pieces, parts } = input;
  const columns = parts && columnsRead(manifest.columns, declaration);
  return readAhead(
    pieces.map((whole, number): Opener<PieceItem> => {
      const { pieceCid = '', sizeBytes = 0 } = manifest.pieces[number] ?? {};
      // A small piece has no index: that need not be asked of a provider.
      const indexKey = columns && isWorthIndex(sizeBytes, 0) ? indexKeyOfPiece(input, versionKey, number) : undefined;
      return async function* read(signal) {
        const some =
          parts && columns && indexKey
            ? await readColumns(parts, pieceCid, indexKey, columns, signal).catch(() => undefined)
            : undefined;
        signal.throwIfAborted();
        const piece = some ?? (await splitPiece(whole(signal)));
        yield piece;
        yield* some?.chosen === undefined ? piece.frames : chosenFrames(some, some.chosen, whole, signal);
      };
    }),
  );
}

/** The frames of some columns. Where no copy goes on giving them, those that are left come from the whole piece: both are held against its CID. */
async function* chosenFrames(
  { frames }: SplitPiece,
  chosen: readonly number[],
  whole: Opener,
  signal: AbortSignal,
): AsyncGenerator<CipherFrame> {
  const left = new Set(chosen);
  try {
    for await (const frame of frames) {
      yield frame;
      left.delete(frame.index);
    }
    return;
  } catch {
    signal.throwIfAborted();
  }
  const piece = await splitPiece(whole(signal));
  for await (const frame of piece.frames) if (left.has(frame.index)) yield frame;
}

/** Undefined if the shard's key does not open: the box says so of the whole piece. */
function indexKeyOfPiece(
  { manifest: { keyId, pieces } }: TrainInput,
  versionKey: Uint8Array,
  number: number,
): Uint8Array | undefined {
  const { shardId, wrappedKey } = pieces[number] ?? {};
  if (shardId === undefined || wrappedKey === undefined) return undefined;
  const place = { keyId, shardId, number, count: pieces.length };
  try {
    const key = unwrapShardKey(versionKey, place, fromHex(wrappedKey));
    const indexKey = indexKeyOf(key, shardId);
    key.fill(0);
    return indexKey;
  } catch {
    return undefined;
  }
}
