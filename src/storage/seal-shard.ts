import { tooLarge } from './envelope-errors.js';
import { frameCipher, sealFrame, type FrameCipher } from './frames.js';
import { encodePieceHeader, framePieceHeader, type PieceHeader } from './header.js';
import { TAG_BYTES } from './limits.js';
import { MAX_SHARD_BYTES, PREFIX_BYTES } from './padding.js';
import { indexBytesOf, rootsIn, sealIndex } from './shard-index.js';
import { indexKeyOf, type ShardKey } from './shard-keys.js';

/** A piece in the making: its first bytes, its frames one after the other, and its index if it has one. */
export interface PieceSealer {
  readonly head: Uint8Array;
  readonly frames: number;
  /** Plaintext bytes of a frame that come from the shard: where to read them, and how many. */
  dataOf(index: number): { from: number; length: number };
  /**
   * @param data - the bytes that `dataOf` names; prefix and padding are put around them
   * @param sealed - takes the frame at its beginning
   * @returns the bytes of the frame
   */
  seal(index: number, data: Uint8Array, sealed: Uint8Array): number;
  /** Blocks of the piece whose roots its index holds; 0 if it has none. */
  readonly roots: number;
  /** What stands behind the frames: nothing, or the index. @param roots - of so many first blocks, one after the other */
  sealIndex(roots: Uint8Array): Uint8Array;
}

/**
 * Encrypts one shard as `weighbridge-envelope-v1` (docs/envelope.md), frame by frame.
 *
 * MUST be given a key that no other shard has: a key that is used for two plaintexts breaks both. `shardKeyOf` gives such
 * keys, because everything that decides the plaintext decides the key.
 * @param layout - `encodeLayout` of the shard; empty for a piece without an index
 * @throws WeighbridgeError TOO_LARGE for a shard whose piece Filecoin would not take
 */
export function pieceSealer(
  shardKey: ShardKey,
  fields: Omit<PieceHeader, 'indexBytes'>,
  dataBytes: number,
  layout: Uint8Array = new Uint8Array(0),
): PieceSealer {
  if (dataBytes > MAX_SHARD_BYTES) throw tooLarge(dataBytes, MAX_SHARD_BYTES);
  const indexed = layout.length > 0;
  const header = indexed ? { ...fields, indexBytes: indexBytesOf(layout, fields) } : fields;
  const headerBytes = encodePieceHeader(header);
  const cipher: FrameCipher = frameCipher(shardKey, header, headerBytes);
  const { frameBytes, plaintextBytes } = header;
  if (dataBytes + PREFIX_BYTES > plaintextBytes) throw new Error('a shard that is longer than its header says');
  const sizeOf = (index: number): number => Math.min(frameBytes, plaintextBytes - index * frameBytes);
  const dataOf = (index: number): { from: number; length: number } => {
    const start = Math.max(0, index * frameBytes - PREFIX_BYTES);
    const end = Math.max(0, index * frameBytes + sizeOf(index) - PREFIX_BYTES);
    return { from: Math.min(start, dataBytes), length: Math.max(0, Math.min(end, dataBytes) - start) };
  };
  return {
    head: framePieceHeader(headerBytes),
    frames: cipher.frames,
    dataOf,
    seal: (index, data, sealed) => {
      const plaintext = plaintextOf(index, data);
      sealFrame(cipher, plaintext, index, sealed);
      return plaintext.length + TAG_BYTES;
    },
    roots: indexed ? rootsIn(header) : 0,
    sealIndex: (roots) => {
      if (!indexed) return new Uint8Array(0);
      const key = indexKeyOf(shardKey.key, header.shardId);
      const sealed = sealIndex(key, header, headerBytes, layout, roots);
      key.fill(0);
      return sealed;
    },
  };

  function plaintextOf(index: number, data: Uint8Array): Uint8Array {
    const size = sizeOf(index);
    const start = index * frameBytes;
    if (data.length === size && start >= PREFIX_BYTES) return data;
    const plaintext = new Uint8Array(size);
    const prefix = new Uint8Array(PREFIX_BYTES);
    new DataView(prefix.buffer).setBigUint64(0, BigInt(dataBytes));
    // A frame may be shorter than the prefix: it holds its part of it.
    if (start < PREFIX_BYTES) plaintext.set(prefix.subarray(start, Math.min(PREFIX_BYTES, start + size)));
    plaintext.set(data, Math.min(size, Math.max(0, PREFIX_BYTES - start)));
    return plaintext;
  }
}
