const MAX_BYTES = 32 << 20;

/**
 * The newest blocks, in memory: js-ceramic reads each block of a commit some ten times while it takes it in and anchors it, and a
 * read of LevelDB is two changes of thread. A block never changes, so nothing here can be out of date.
 */
export class RecentBlocks {
  /** By the multihash's bytes as text; oldest first. */
  #blocks = new Map();
  #bytes = 0;

  get(multihash) {
    return this.#blocks.get(keyOf(multihash));
  }

  add(multihash, block) {
    const key = keyOf(multihash);
    if (this.#blocks.has(key)) return;
    this.#blocks.set(key, block);
    this.#bytes += block.length;
    for (const [oldest, { length }] of this.#blocks) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#blocks.delete(oldest);
      this.#bytes -= length;
    }
  }
}

function keyOf({ bytes }) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
