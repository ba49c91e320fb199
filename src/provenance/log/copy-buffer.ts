import type { FullTile } from '../tiles/edge.js';

/** Signature, flags and header extension length of PostgreSQL's binary COPY format. */
export const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
export const TRAILER_BYTES = 2;
/** `idx` and `leaf_hash` with their lengths, the length of `data`, the number of fields. */
const ENTRY_ROW_BYTES = 2 + 4 + 8 + 4 + 32 + 4;
const TILE_ROW_BYTES = 2 + 4 + 4 + 4 + 8 + 4;

/** Rows `(idx, leaf_hash, data)` from index `from` on, as one buffer. Written by hand, row by row: it is the hot path. */
export function copyOfEntries(from: number, entries: readonly { data: Uint8Array; leafHash: Uint8Array }[]): Buffer {
  let bytes = HEADER.length + TRAILER_BYTES;
  for (const { data } of entries) bytes += ENTRY_ROW_BYTES + data.length;
  const out = Buffer.allocUnsafe(bytes);
  let offset = HEADER.copy(out);
  let index = from;
  for (const { data, leafHash } of entries) {
    offset = out.writeInt16BE(3, offset);
    offset = writeInt8(out, index++, offset);
    offset = writeBytes(out, leafHash, offset);
    offset = writeBytes(out, data, offset);
  }
  out.writeInt16BE(-1, offset);
  return out;
}

/** Rows `(level, n, data)` of full tiles. */
export function copyOfTiles(tiles: readonly FullTile[]): Buffer {
  const bytes = tiles.reduce((sum, { data }) => sum + TILE_ROW_BYTES + data.length, HEADER.length + TRAILER_BYTES);
  const out = Buffer.allocUnsafe(bytes);
  let offset = HEADER.copy(out);
  for (const { level, index, data } of tiles) {
    offset = out.writeInt16BE(3, offset);
    offset = out.writeInt32BE(4, offset);
    offset = out.writeInt32BE(level, offset);
    offset = writeInt8(out, index, offset);
    offset = writeBytes(out, data, offset);
  }
  out.writeInt16BE(-1, offset);
  return out;
}

/** A `bytea[]` in binary, as a parameter: as text, each byte would be two digits to write, send and parse. */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  const out = Buffer.allocUnsafe(values.reduce((sum, value) => sum + 4 + value.length, 20));
  // Dimensions, flags, element type, length, lower bound.
  let offset = 0;
  for (const field of [1, 0, BYTEA_OID, values.length, 1]) offset = out.writeInt32BE(field, offset);
  for (const value of values) offset = writeBytes(out, value, offset);
  return out;
}

const BYTEA_OID = 17;

/** An int8 behind its length. In two halves: a BigInt would be an allocation a row. */
function writeInt8(out: Buffer, value: number, offset: number): number {
  out.writeInt32BE(8, offset);
  out.writeUInt32BE(Math.floor(value / 2 ** 32), offset + 4);
  return out.writeUInt32BE(value % 2 ** 32, offset + 8);
}

function writeBytes(out: Buffer, bytes: Uint8Array, offset: number): number {
  const start = out.writeInt32BE(bytes.length, offset);
  out.set(bytes, start);
  return start + bytes.length;
}
