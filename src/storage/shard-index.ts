import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { concatBytes } from '../kernel/bytes.js';
import { corrupt } from './envelope-errors.js';
import { framesOf } from './frames.js';
import { NONCE_BASE_BYTES, type PieceHeader } from './header.js';
import { LAYOUT_SHARE, NODE_BYTES, PIECE_BLOCK_BYTES, TAG_BYTES } from './limits.js';

/** Bytes of a Parquet file. */
export interface Extent {
  from: number;
  bytes: number;
}

/** Where a Parquet file has what, so that a reader of some columns needs no other bytes. */
export interface ShardLayout {
  dataBytes: number;
  /** First byte of the footer. */
  footerFrom: number;
  /** Column chunks: of each row group, in the order of the file's columns. */
  rowGroups: Extent[][];
}

/** The index of a piece, opened. */
export interface ShardIndex {
  layout: ShardLayout;
  /** Of the piece's first blocks, as the tree of its piece CID has them: 32 bytes each. */
  roots: Uint8Array;
}

type Sizes = Pick<PieceHeader, 'plaintextBytes' | 'frameBytes'>;

const WORDS_IN_FRONT = 4;
const WORD_BYTES = 4;

/** `u32`s: data bytes, footer's first byte, columns, row groups; then of each chunk its first byte and its length. */
export function encodeLayout({ dataBytes, footerFrom, rowGroups }: ShardLayout): Uint8Array {
  const chunks = rowGroups.flat().flatMap(({ from, bytes }) => [from, bytes]);
  const words = [dataBytes, footerFrom, rowGroups[0]?.length ?? 0, rowGroups.length, ...chunks];
  const encoded = new Uint8Array(words.length * WORD_BYTES);
  const view = new DataView(encoded.buffer);
  words.forEach((word, i) => view.setUint32(i * WORD_BYTES, word));
  return encoded;
}

/** A piece of fewer blocks is read whole: half of it would be head and tail. */
const LEAST_BYTES = 8 * PIECE_BLOCK_BYTES;

/** Whether a shard of so many bytes has an index, that says where so many column chunks are. */
export function isWorthIndex(dataBytes: number, chunks: number): boolean {
  return dataBytes >= LEAST_BYTES && (WORDS_IN_FRONT + 2 * chunks) * WORD_BYTES <= dataBytes / LAYOUT_SHARE;
}

/** How many blocks have their roots in the index: those that end before it begins, whatever the header's length. */
export function rootsIn(sizes: Sizes): number {
  return Math.floor((sizes.plaintextBytes + framesOf(sizes) * TAG_BYTES) / PIECE_BLOCK_BYTES);
}

/** Bytes of the index as it lies in the piece. */
export function indexBytesOf(layout: Uint8Array, sizes: Sizes): number {
  return layout.length + rootsIn(sizes) * NODE_BYTES + TAG_BYTES;
}

/** @param roots - of the first `rootsIn` blocks of the piece */
export function sealIndex(
  indexKey: Uint8Array,
  header: PieceHeader,
  headerBytes: Uint8Array,
  layout: Uint8Array,
  roots: Uint8Array,
): Uint8Array {
  const gcm = createCipheriv('aes-256-gcm', indexKey, indexNonce(header));
  gcm.setAAD(createHash('sha256').update(headerBytes).digest());
  return concatBytes(gcm.update(layout), gcm.update(roots), gcm.final(), gcm.getAuthTag());
}

/** @throws WeighbridgeError PIECE_CORRUPT */
export function openIndex(
  indexKey: Uint8Array,
  header: PieceHeader,
  headerBytes: Uint8Array,
  sealed: Uint8Array,
): ShardIndex {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) throw corrupt('its index is too short');
  const gcm = createDecipheriv('aes-256-gcm', indexKey, indexNonce(header), { authTagLength: TAG_BYTES });
  gcm.setAAD(createHash('sha256').update(headerBytes).digest());
  gcm.setAuthTag(sealed.subarray(end));
  const plaintext = gcm.update(sealed.subarray(0, end));
  try {
    gcm.final();
  } catch {
    throw corrupt('its index does not authenticate');
  }
  const rootsAt = plaintext.length - rootsIn(header) * NODE_BYTES;
  if (rootsAt < WORDS_IN_FRONT * WORD_BYTES) throw corrupt('its index is too short');
  return { layout: parseLayout(plaintext.subarray(0, rootsAt)), roots: plaintext.subarray(rootsAt) };
}

/** The index key serves this one message; the seller who wrote it may still be hostile, so every number is held. */
function parseLayout(bytes: Buffer): ShardLayout {
  const word = (i: number): number => bytes.readUInt32BE(i * WORD_BYTES);
  const [dataBytes, footerFrom, columns, groups] = [word(0), word(1), word(2), word(3)];
  // Without columns, any number of row groups would fit, and fill the worker's memory.
  const fits = columns > 0 && bytes.length === (WORDS_IN_FRONT + 2 * columns * groups) * WORD_BYTES;
  if (!fits || footerFrom > dataBytes) throw corrupt('its index has another form');
  const rowGroups = Array.from({ length: groups }, (_g, group) =>
    Array.from({ length: columns }, (_c, column) => {
      const at = WORDS_IN_FRONT + 2 * (group * columns + column);
      return { from: word(at), bytes: word(at + 1) };
    }),
  );
  if (rowGroups.flat().some(({ from, bytes: length }) => from + length > dataBytes)) {
    throw corrupt('its index points beyond its end');
  }
  return { dataBytes, footerFrom, rowGroups };
}

function indexNonce({ nonceBase }: PieceHeader): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.set(nonceBase.subarray(0, NONCE_BASE_BYTES));
  return nonce;
}
