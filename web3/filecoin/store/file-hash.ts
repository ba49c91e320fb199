import { readSync } from 'node:fs';
import { PieceHasher } from '../commp.js';

const READ_BYTES = 1 << 20;
const WORD_BYTES = 4;

/** The piece CID of a file, computed while the file is being filled from its start. */
export class FileHash {
  private readonly hasher = new PieceHasher();
  private readonly block = Buffer.allocUnsafe(READ_BYTES);

  constructor(private readonly fd: number) {}

  /** Every byte before `toByte` is in the file. */
  reach(toByte: number): void {
    while (this.hasher.size < toByte) {
      // Where it would lie if the whole piece lay there: the hasher reads words, and copies what lies askew.
      const start = this.hasher.size % WORD_BYTES;
      const wanted = Math.min(this.block.length - start, toByte - this.hasher.size);
      const length = readSync(this.fd, this.block, start, wanted, this.hasher.size);
      if (length === 0) throw new Error('the downloaded piece ended early');
      this.hasher.write(this.block.subarray(start, start + length));
    }
  }

  digest(): string {
    return this.hasher.digest();
  }
}

/** The same where it may run elsewhere. Nothing reads the file any more once `digest` or `drop` has resolved. */
export interface FollowingHash {
  reach(toByte: number): void;
  digest(): Promise<string>;
  /** Ends it without a CID. */
  drop(): Promise<void>;
}
export type FileHashing = (fd: number) => FollowingHash;

/** In the calling thread: what short-lived programs do with small pieces. */
export function hashHere(fd: number): FollowingHash {
  const hash = new FileHash(fd);
  return {
    reach: (toByte) => hash.reach(toByte),
    digest: async () => hash.digest(),
    drop: async () => undefined,
  };
}
