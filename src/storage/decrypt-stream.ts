import { WeighbridgeError } from '../kernel/index.js';
import { associatedDataOf, KEY_BYTES, openChunk, unwrapContentKey } from './content-cipher.js';
import type { ByteTransform } from './encrypt-stream.js';
import { LENGTH_BYTES, parsePieceHeader, pieceHeaderLength, type PieceHeader } from './header.js';
import { TAG_BYTES } from './limits.js';
import { rechunk, type Block } from './rechunk.js';

/** One chunk as it lies in the piece: `bytes` is ciphertext and tag. */
export type CipherChunk = Block;

export interface SplitPiece {
  header: PieceHeader;
  /** Every cipher chunk, whole and in order. Nothing about them is authenticated yet. */
  chunks: AsyncIterable<CipherChunk>;
}

/**
 * Reads the header of a piece and cuts the rest at chunk borders, whatever the borders of the source. It needs no key:
 * the worker splits, the sandbox decrypts.
 * @throws WeighbridgeError PIECE_CORRUPT for a header that is not ours; a fault of the source passes through.
 */
export async function splitPiece(source: AsyncIterable<Uint8Array>): Promise<SplitPiece> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let head = Buffer.alloc(0);
    const readTo = async (length: number): Promise<void> => {
      while (head.length < length) {
        const next = await iterator.next();
        if (next.done === true) return;
        head = Buffer.concat([head, next.value]);
      }
    };
    await readTo(LENGTH_BYTES);
    const bodyStart = LENGTH_BYTES + pieceHeaderLength(head);
    await readTo(bodyStart);
    const header = parsePieceHeader(head);
    const rest = resume(head.subarray(bodyStart), iterator);
    return { header, chunks: rechunk(rest, header.chunkBytes + TAG_BYTES) };
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

/**
 * Decrypts one piece. Each chunk is authenticated before it is given out; that the piece is complete is known only when
 * the iterable ends without an error.
 * @throws WeighbridgeError PIECE_CORRUPT if a byte was changed or chunks were dropped, repeated, reordered or cut off.
 */
export function createPieceDecryptor({ dataKey }: { dataKey: Uint8Array }): ByteTransform {
  if (dataKey.length !== KEY_BYTES) {
    throw new WeighbridgeError('BAD_INPUT', 'a data key has 32 bytes', { next: 'Give the data key of the dataset.' });
  }
  return async function* decrypt(source) {
    const { header, chunks } = await splitPiece(source);
    const contentKey = unwrapContentKey(dataKey, header.wrappedContentKey);
    const cipher = { contentKey, nonceBase: header.nonceBase, associatedData: associatedDataOf(header.header) };
    try {
      for await (const { bytes, index, last } of chunks) yield openChunk(cipher, bytes, index, last);
    } finally {
      contentKey.fill(0);
    }
  };
}

/** What was read too far, then the rest; passes an early end on, so that the source is closed. */
async function* resume(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
