/** 2^20 blocks of 64 bytes. One entry sets eight bits of one block: about one cache line of memory. */
const BLOCKS = 1 << 20;
const BLOCK_WORDS = 16;
const BITS_AN_ENTRY = 8;

/**
 * A Bloom filter of the log's leaf hashes: whether an entry is certainly new is said without asking the database. Says of one
 * new entry in a thousand that it might be known while the log has up to 30 million, of more and more beyond; that costs a
 * look at the index, which every entry cost before. Memory does not grow: 64 MiB.
 */
export class LeafFilter {
  private readonly words = new Uint32Array(BLOCKS * BLOCK_WORDS);
  private complete = false;

  /** From now on `mayHold` answers from what was added; until then it cannot rule anything out. */
  markComplete(): void {
    this.complete = true;
  }

  /** @param leafHash - 32 bytes, uniformly distributed as SHA-256 makes them */
  add(leafHash: Uint8Array): void {
    const block = blockOf(leafHash);
    for (let i = 0; i < BITS_AN_ENTRY; i++) {
      const bit = bitOf(leafHash, i);
      const at = block + (bit >>> 5);
      this.words[at] = (this.words[at] ?? 0) | (1 << (bit & 31));
    }
  }

  /** False only for what was certainly never added. */
  mayHold(leafHash: Uint8Array): boolean {
    if (!this.complete) return true;
    const block = blockOf(leafHash);
    for (let i = 0; i < BITS_AN_ENTRY; i++) {
      const bit = bitOf(leafHash, i);
      if (((this.words[block + (bit >>> 5)] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** First word of the block, by the first three bytes. */
function blockOf(hash: Uint8Array): number {
  const number = ((hash[0] ?? 0) << 16) | ((hash[1] ?? 0) << 8) | (hash[2] ?? 0);
  return (number % BLOCKS) * BLOCK_WORDS;
}

/** The i-th of eight bits of the block, by two bytes of its own. */
function bitOf(hash: Uint8Array, i: number): number {
  return (((hash[4 + 2 * i] ?? 0) << 8) | (hash[5 + 2 * i] ?? 0)) & 511;
}
