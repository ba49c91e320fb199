/** One block of a stream that was cut into equal blocks. */
export interface Block {
  bytes: Uint8Array;
  index: number;
  /** True for the final block, which may be shorter; it is empty only if it is the only one. */
  last: boolean;
}

/**
 * Cuts a byte stream into blocks of exactly `blockBytes`. A full block is held back until it is known whether another follows.
 * All blocks lie in the same memory, one after the other: a block is good until the next one is asked for. Fresh memory for each
 * would keep the garbage collector busier than copying them keeps the processor. An empty stream gives one empty block.
 */
export async function* rechunk(source: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Block> {
  const block = new Uint8Array(blockBytes);
  let filled = 0;
  let index = 0;
  for await (const piece of source) {
    for (let offset = 0; offset < piece.length;) {
      if (filled === blockBytes) {
        yield { bytes: block, index: index++, last: false };
        filled = 0;
      }
      const taken = Math.min(blockBytes - filled, piece.length - offset);
      block.set(piece.subarray(offset, offset + taken), filled);
      filled += taken;
      offset += taken;
    }
  }
  yield { bytes: block.subarray(0, filled), index, last: true };
}
