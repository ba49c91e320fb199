import { corrupt } from './envelope-errors.js';
import { framesOf } from './frames.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES, parsePieceHeader, pieceHeaderLength, type PieceHeader } from './header.js';
import { PIECE_BLOCK_BYTES, TAG_BYTES } from './limits.js';
import type { CipherFrame, SplitPiece } from './open-shard.js';
import { PREFIX_BYTES } from './padding.js';
import type { BlockRun, VerifiedParts } from './ports.js';
import { openIndex, rootsIn, type Extent, type ShardLayout } from './shard-index.js';

/** A Parquet reader takes so many bytes from the end before it knows how long the footer is. */
const TAIL_BYTES = 64 << 10;

/** A read of more than this share of the frames is one of the whole piece, which comes from all copies at once. */
const MOST_OF_FRAMES = 0.75;

/** More frames than one may name to a sandbox: none that `publish` makes has so many. */
const MAX_FRAMES = 65_536;

/**
 * The frames of a piece that hold some columns: first the header and the index, which says where they are and what the hashes of
 * the piece's blocks are; then the blocks of those frames, each held against the piece CID before a byte of it is given out.
 * What is fetched follows from the columns and from the index, which the seller made with the piece: nothing that reads rows
 * has a say in it.
 * @param indexKey - opens the index of this piece
 * @param columns - numbers of columns in the order of the file
 * @returns undefined for a piece that has no index, or of which most is wanted
 * @throws WeighbridgeError PIECE_CORRUPT, PROVIDER_DOWN: the whole piece may still be had
 */
export async function readColumns(
  pieces: VerifiedParts,
  pieceCid: string,
  indexKey: Uint8Array,
  columns: readonly number[],
  signal: AbortSignal,
): Promise<SplitPiece | undefined> {
  const head = await pieces.part(pieceCid, 0, LENGTH_BYTES + MAX_HEADER_BYTES);
  const bodyStart = LENGTH_BYTES + pieceHeaderLength(head);
  const headerBytes = head.slice(LENGTH_BYTES, bodyStart);
  const header = parsePieceHeader(headerBytes);
  if (header.indexBytes === undefined || header.frameBytes < PREFIX_BYTES) return undefined;
  const frames = framesOf(header);
  const indexStart = bodyStart + header.plaintextBytes + frames * TAG_BYTES;
  const tailFrom = rootsIn(header) * PIECE_BLOCK_BYTES;
  const tail = await pieces.part(pieceCid, tailFrom, indexStart + header.indexBytes);
  const index = openIndex(indexKey, header, headerBytes, tail.subarray(indexStart - tailFrom));
  const chosen = framesWith(index.layout, columns, header);
  if (chosen.length > frames * MOST_OF_FRAMES || frames > MAX_FRAMES) return undefined;
  const sealedBytes = header.frameBytes + TAG_BYTES;
  const placeOf = (frame: number): Extent => {
    const from = bodyStart + frame * sealedBytes;
    return { from, bytes: Math.min(from + sealedBytes, indexStart) - from };
  };
  const runs = runsOf(chosen.map(placeOf));
  const take = taker(pieces.blocks(pieceCid, { roots: index.roots, tail }, runs, signal), runs);
  // Roots, tail and the first block are held against the piece CID by then, and so is the header that was read before.
  const first = await take(0);
  if (Buffer.compare(first.subarray(0, bodyStart), head.subarray(0, bodyStart)) !== 0)
    throw corrupt('its header changed');
  return { header, headerBytes, chosen, frames: cut(take, chosen, placeOf) };
}

/** The first frame, which says how long the data is, the footer's, and those of the columns. */
function framesWith(
  { dataBytes, footerFrom, rowGroups }: ShardLayout,
  columns: readonly number[],
  { frameBytes, plaintextBytes }: PieceHeader,
): number[] {
  if (dataBytes > plaintextBytes - PREFIX_BYTES) throw corrupt('its index is of a longer shard');
  const tailFrom = Math.max(0, Math.min(footerFrom, dataBytes - TAIL_BYTES));
  const wanted = rowGroups.flatMap((chunks) => columns.map((column) => chunks[column]));
  if (wanted.includes(undefined)) throw corrupt('its index has fewer columns');
  const extents = [{ from: 0, bytes: 1 }, { from: tailFrom, bytes: dataBytes - tailFrom }, ...wanted];
  const frames = new Set<number>([0]);
  for (const extent of extents) {
    if (extent === undefined || extent.bytes === 0) continue;
    const first = Math.floor((extent.from + PREFIX_BYTES) / frameBytes);
    const last = Math.floor((extent.from + PREFIX_BYTES + extent.bytes - 1) / frameBytes);
    for (let frame = first; frame <= last; frame++) frames.add(frame);
  }
  return [...frames].toSorted((a, b) => a - b);
}

/** Neighbouring blocks that hold these extents, which rise. */
function runsOf(extents: Extent[]): BlockRun[] {
  const runs: BlockRun[] = [];
  for (const { from, bytes } of extents) {
    const first = Math.floor(from / PIECE_BLOCK_BYTES);
    const last = Math.floor((from + bytes - 1) / PIECE_BLOCK_BYTES);
    const before = runs.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else runs.push({ first, last });
  }
  return runs;
}

/** Takes blocks by their numbers, which must not fall. */
function taker(blocks: AsyncIterable<Uint8Array>, runs: BlockRun[]): (block: number) => Promise<Uint8Array> {
  const source = blocks[Symbol.asyncIterator]();
  const numbers = runs.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
  let held: { block: number; bytes: Uint8Array } = { block: -1, bytes: new Uint8Array(0) };
  return async (block) => {
    while (held.block < block) {
      const next = await source.next();
      if (next.done === true) throw corrupt('its blocks ended early');
      held = { block: numbers.shift() ?? block, bytes: next.value };
    }
    return held.bytes;
  };
}

async function* cut(
  take: (block: number) => Promise<Uint8Array>,
  chosen: number[],
  placeOf: (frame: number) => Extent,
): AsyncGenerator<CipherFrame> {
  for (const index of chosen) {
    const { from, bytes } = placeOf(index);
    const frame = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) {
      const within = (from + at) % PIECE_BLOCK_BYTES;
      const block = await take(Math.floor((from + at) / PIECE_BLOCK_BYTES));
      const part = block.subarray(within, within + bytes - at);
      if (part.length === 0) throw corrupt('a block is short');
      frame.set(part, at);
      at += part.length;
    }
    yield { bytes: frame, index };
  }
}
