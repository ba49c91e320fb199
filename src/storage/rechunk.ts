/** One block of a stream that was cut into equal blocks. */
export interface Block {
  bytes: Buffer;
  index: number;
  /** True for the final block, which may be shorter; it is empty only if it is the only one. */
  last: boolean;
}

/**
 * Cuts a byte stream into blocks of exactly `blockBytes`. One block is held back until it is known whether another
 * follows, so memory is two blocks. An empty stream gives one empty block.
 */
export async function* rechunk(source: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Block> {
  let block = Buffer.allocUnsafeSlow(blockBytes);
  let filled = 0;
  let index = 0;
  for await (const piece of source) {
    let offset = 0;
    while (offset < piece.length) {
      if (filled === blockBytes) {
        yield { bytes: block, index: index++, last: false };
        block = Buffer.allocUnsafeSlow(blockBytes);
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
