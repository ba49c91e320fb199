import { concatBytes, type Bytes32 } from '../kernel/bytes.js';
import { WeighbridgeError } from '../kernel/errors.js';
import { corrupt, foreign, truncated } from './envelope-errors.js';
import { frameCipher, framesOf, openFrame } from './frames.js';
import { LENGTH_BYTES, parsePieceHeader, pieceHeaderLength, type PieceHeader } from './header.js';
import { TAG_BYTES } from './limits.js';
import { PREFIX_BYTES } from './padding.js';
import { rechunk } from './rechunk.js';
import { openIndex } from './shard-index.js';
import { indexKeyOf, KEY_BYTES, unwrapShardKey, type ShardPlace } from './shard-keys.js';

/** One frame as it lies in the piece: ciphertext and tag. */
export interface CipherFrame {
  bytes: Uint8Array;
  index: number;
}

export interface SplitPiece {
  header: PieceHeader;
  /** The COSE bytes of it, which every frame is bound to. */
  headerBytes: Uint8Array;
  /**
   * Every frame, whole and in order, as many as the header says. Nothing about them is authenticated yet. A frame is good until
   * the next one is asked for.
   */
  frames: AsyncIterable<CipherFrame>;
  /** Numbers of the frames, if they are not all of the piece's; rising. */
  chosen?: number[];
}

/** A piece that is read whole. */
export interface WholePiece extends SplitPiece {
  /** What stood behind the last frame, once that was read: empty, or the index as it was sealed. */
  index(): Uint8Array;
}

/**
 * Reads the header of a piece and cuts the rest at the frames' borders, whatever the borders of the source. It needs no
 * key: the worker splits, the sandbox decrypts.
 * @throws WeighbridgeError PIECE_CORRUPT, PIECE_TRUNCATED; a fault of the source passes through.
 */
export async function splitPiece(source: AsyncIterable<Uint8Array>): Promise<WholePiece> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let head = Buffer.alloc(0);
    const readTo = async (length: number): Promise<void> => {
      while (head.length < length) {
        const next = await iterator.next();
        if (next.done === true) throw truncated('within its header');
        head = Buffer.concat([head, next.value]);
      }
    };
    await readTo(LENGTH_BYTES);
    const bodyStart = LENGTH_BYTES + pieceHeaderLength(head);
    await readTo(bodyStart);
    const headerBytes = Uint8Array.from(head.subarray(LENGTH_BYTES, bodyStart));
    const header = parsePieceHeader(headerBytes);
    const index: Uint8Array[] = [];
    const body = withoutIndex(resume(head.subarray(bodyStart), iterator), header, index);
    return { header, headerBytes, frames: framesIn(body, header), index: () => concatBytes(...index) };
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

/** What a reader knows of a shard from the signed manifest, and the key of the dataset version. */
export interface ShardAccess {
  /** 32 bytes, what the key nodes gave. */
  versionKey: Uint8Array;
  datasetId: Bytes32;
  place: ShardPlace;
  wrappedKey: Uint8Array;
}

/**
 * Decrypts one piece into the bytes of its shard. Each frame is authenticated before it is given out; that the shard is
 * complete is known only when the iterable ends without an error.
 * @throws WeighbridgeError PIECE_CORRUPT, PIECE_TRUNCATED, PIECE_REORDERED, PIECE_REPEATED, PIECE_FOREIGN, SHARD_KEY_REFUSED
 */
export async function* openShard(source: AsyncIterable<Uint8Array>, access: ShardAccess): AsyncGenerator<Uint8Array> {
  const { header, headerBytes, frames, index: indexOf } = await splitPiece(source);
  const cipher = frameCipher(shardKeyFor(header, access), header, headerBytes);
  try {
    let prefix = Buffer.alloc(0);
    let left: number | undefined;
    for await (const { bytes, index } of frames) {
      let plaintext = openFrame(cipher, bytes, index);
      if (left === undefined) {
        prefix = Buffer.concat([prefix, plaintext]);
        if (prefix.length < PREFIX_BYTES && index < cipher.frames - 1) continue;
        left = dataBytesOf(prefix, header);
        plaintext = prefix.subarray(PREFIX_BYTES);
      }
      const data = plaintext.subarray(0, left);
      left -= data.length;
      if (plaintext.subarray(data.length).some((byte) => byte !== 0)) throw corrupt('its padding is not zeros');
      if (data.length > 0) yield data;
    }
    // Nothing of it is needed here, but no byte of a piece may be another one unnoticed.
    if (header.indexBytes !== undefined) {
      openIndex(indexKeyOf(cipher.key, header.shardId), header, headerBytes, indexOf());
    }
  } finally {
    cipher.key.fill(0);
  }
}

/**
 * The key of a piece whose header was read.
 * @throws WeighbridgeError PIECE_FOREIGN if the header is another shard's, SHARD_KEY_REFUSED
 */
export function shardKeyFor(header: PieceHeader, access: ShardAccess): { key: Uint8Array; nonceBase: Uint8Array } {
  if (access.versionKey.length !== KEY_BYTES) {
    throw new WeighbridgeError('BAD_INPUT', 'a data key has 32 bytes', { next: 'Give the data key of the dataset.' });
  }
  if (header.datasetId !== access.datasetId) throw foreign('dataset');
  if (header.shardId !== access.place.shardId) throw foreign('shard');
  return { key: unwrapShardKey(access.versionKey, access.place, access.wrappedKey), nonceBase: header.nonceBase };
}

/** @throws WeighbridgeError PIECE_CORRUPT for a length that the piece cannot hold */
export function dataBytesOf(plaintext: Uint8Array, { plaintextBytes }: PieceHeader): number {
  if (plaintext.length < PREFIX_BYTES) throw corrupt('it holds no length');
  const view = new DataView(plaintext.buffer, plaintext.byteOffset, PREFIX_BYTES);
  const dataBytes = view.getBigUint64(0);
  if (dataBytes > BigInt(plaintextBytes - PREFIX_BYTES)) throw corrupt('it says that it holds more than it can');
  return Number(dataBytes);
}

async function* framesIn(source: AsyncIterable<Uint8Array>, header: PieceHeader): AsyncGenerator<CipherFrame> {
  const frames = framesOf(header);
  const lastBytes = header.plaintextBytes - (frames - 1) * header.frameBytes + TAG_BYTES;
  for await (const { bytes, index, last } of rechunk(source, header.frameBytes + TAG_BYTES)) {
    const isLast = index === frames - 1;
    if (index >= frames || (isLast && bytes.length > lastBytes)) throw corrupt('it goes on after its end');
    if (bytes.length < (isLast ? lastBytes : header.frameBytes + TAG_BYTES) || (last && !isLast)) {
      throw truncated(`frame ${index} of ${frames} is not whole`);
    }
    yield { bytes, index };
  }
}

/** The bytes of the frames; what follows them goes into `index`. A piece that ends within them is told of by who cuts them. */
async function* withoutIndex(
  source: AsyncIterable<Uint8Array>,
  header: PieceHeader,
  index: Uint8Array[],
): AsyncGenerator<Uint8Array> {
  const { indexBytes, plaintextBytes } = header;
  if (indexBytes === undefined) {
    yield* source;
    return;
  }
  const body = plaintextBytes + framesOf(header) * TAG_BYTES;
  let at = 0;
  for await (const bytes of source) {
    if (at < body) yield bytes.subarray(0, body - at);
    if (at + bytes.length > body) index.push(Uint8Array.from(bytes.subarray(Math.max(0, body - at))));
    at += bytes.length;
    if (at > body + indexBytes) throw corrupt('it goes on after its end');
  }
  if (at >= body && at < body + indexBytes) throw truncated('its index is not whole');
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
