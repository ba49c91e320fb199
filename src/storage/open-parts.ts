import { corrupt } from './envelope-errors.js';
import { frameCipher, openFrame, type FrameCipher } from './frames.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES, parsePieceHeader, pieceHeaderLength, type PieceHeader } from './header.js';
import { TAG_BYTES } from './limits.js';
import { dataBytesOf } from './open-shard.js';
import { PREFIX_BYTES } from './padding.js';
import type { PieceParts } from './ports.js';
import type { ShardKey } from './shard-keys.js';

/** Opened frames that are kept: a Parquet footer is read in two or three steps from the same frame. */
const KEPT_FRAMES = 4;

/** A shard that is read in parts: a Parquet reader takes the footer first, and then the columns that it wants. */
export interface ShardParts {
  /** Of the Parquet file. */
  dataBytes: number;
  /** Bytes of the Parquet file from `from` to before `to`. @throws WeighbridgeError PIECE_CORRUPT, PROVIDER_DOWN */
  read(from: number, to: number): Promise<Uint8Array>;
}

/**
 * Opens a shard of which only some frames are fetched. Nothing is held against the piece CID, which is over the whole piece:
 * every frame that is used authenticates by itself, bound to the dataset, the shard and its place. What a provider can do is
 * refuse.
 * @param keyOf - the shard's key, given the header that the piece has
 * @throws WeighbridgeError PIECE_CORRUPT, PIECE_FOREIGN, SHARD_KEY_REFUSED, PROVIDER_DOWN
 */
export async function openParts(
  pieces: PieceParts,
  pieceCid: string,
  keyOf: (header: PieceHeader) => ShardKey,
): Promise<ShardParts> {
  const head = await pieces.part(pieceCid, 0, LENGTH_BYTES + MAX_HEADER_BYTES);
  const bodyStart = LENGTH_BYTES + pieceHeaderLength(head);
  const headerBytes = head.slice(LENGTH_BYTES, bodyStart);
  const header = parsePieceHeader(headerBytes);
  const cipher = frameCipher(keyOf(header), header, headerBytes);
  const frames = framesOfPiece(pieces, pieceCid, cipher, header, bodyStart);
  const first = await frames(0, 0);
  const dataBytes = dataBytesOf(first, header);
  return {
    dataBytes,
    read: async (from, to) => {
      if (from < 0 || to > dataBytes || from > to) throw new RangeError(`bytes ${from} to ${to} of ${dataBytes}`);
      if (from === to) return new Uint8Array(0);
      const [start, end] = [from + PREFIX_BYTES, to + PREFIX_BYTES];
      const firstFrame = Math.floor(start / header.frameBytes);
      const plaintext = await frames(firstFrame, Math.floor((end - 1) / header.frameBytes));
      return plaintext.subarray(start - firstFrame * header.frameBytes, end - firstFrame * header.frameBytes);
    },
  };
}

/** The plaintext of neighbouring frames; those that are not at hand are fetched at once. */
function framesOfPiece(
  pieces: PieceParts,
  pieceCid: string,
  cipher: FrameCipher,
  { frameBytes, plaintextBytes }: PieceHeader,
  bodyStart: number,
): (first: number, last: number) => Promise<Uint8Array> {
  const kept = new Map<number, Uint8Array>();
  const sealedBytes = frameBytes + TAG_BYTES;
  const end = bodyStart + plaintextBytes + cipher.frames * TAG_BYTES;
  return async (first, last) => {
    const wanted = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const opened = new Map([...kept].filter(([index]) => wanted.includes(index)));
    const missing = wanted.filter((index) => !opened.has(index));
    const [from, to] = [missing[0], missing.at(-1)];
    if (from !== undefined && to !== undefined) {
      const start = bodyStart + from * sealedBytes;
      const bytes = await pieces.part(pieceCid, start, Math.min(end, bodyStart + (to + 1) * sealedBytes));
      for (let index = from; index <= to; index++) {
        const at = (index - from) * sealedBytes;
        opened.set(index, openFrame(cipher, bytes.subarray(at, at + sealedBytes), index));
      }
    }
    const parts = wanted.map((index) => opened.get(index) ?? new Uint8Array(0));
    if (parts.some((part) => part.length === 0)) throw corrupt('a frame is empty');
    for (const [index, part] of opened) kept.set(index, part);
    for (const index of kept.keys()) if (kept.size > KEPT_FRAMES) kept.delete(index);
    return Buffer.concat(parts);
  };
}
