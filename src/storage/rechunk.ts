/** One block of a stream that was cut into equal blocks. */
export interface Block {
  bytes: Uint8Array;
  index: number;
  /** True for the final block, which may be shorter; it is empty only if it is the only one. */
  last: boolean;
}

/**
 * Cuts a byte stream into blocks of exactly `blockBytes`. One block is held back until it is known whether another
 * follows, so memory is two blocks. An empty stream gives one empty block. Where blocks lie whole in what the source
 * gives, they are not copied: a source must not use the same memory again, and Node's streams do not.
 */
export async function* rechunk(source: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Block> {
  const none = new Uint8Array(0);
  /** A full block that may be the last one. */
  let held: Uint8Array | undefined;
  let partial = none;
  let filled = 0;
  let index = 0;
  for await (const piece of source) {
    for (let offset = 0; offset < piece.length;) {
      if (held !== undefined) {
        yield { bytes: held, index: index++, last: false };
        held = undefined;
      }
      const left = piece.length - offset;
      if (filled === 0 && left >= blockBytes) {
        held = piece.subarray(offset, offset + blockBytes);
        offset += blockBytes;
        continue;
      }
      if (filled === 0) partial = new Uint8Array(blockBytes);
      const taken = Math.min(blockBytes - filled, left);
      partial.set(piece.subarray(offset, offset + taken), filled);
      filled += taken;
      offset += taken;
      if (filled === blockBytes) {
        [held, partial, filled] = [partial, none, 0];
      }
    }
  }
  yield { bytes: held ?? partial.subarray(0, filled), index, last: true };
}
