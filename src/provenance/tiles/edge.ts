import { concatBytes } from '../../kernel/index.js';
import { EMPTY_ROOT, type Hasher } from '../verify/rfc6962.js';
import { TILE_WIDTH } from './tile-path.js';

export interface FullTile {
  level: number;
  index: number;
  /** 256 hashes, 8,192 bytes. */
  data: Uint8Array;
}

/**
 * The right edge of the tree: of every level the one partial tile, at most 255 hashes. It is all that appending needs,
 * so an append costs the same at a thousand entries and at a billion. Not shared between threads; `clone` before use
 * by another.
 */
export class Edge {
  /** `levels[l]`: hashes of the partial tile at level l. */
  private constructor(
    private readonly hasher: Hasher,
    private readonly levels: Uint8Array[][],
    private entries: number,
  ) {}

  static empty(hasher: Hasher): Edge {
    return new Edge(hasher, [], 0);
  }

  /** From the partial tiles of a tree of `size` entries. */
  static from(hasher: Hasher, size: number, levels: Uint8Array[][]): Edge {
    return new Edge(hasher, levels, size);
  }

  get size(): number {
    return this.entries;
  }

  clone(): Edge {
    const levels = this.levels.map((hashes) => hashes.slice());
    return new Edge(this.hasher, levels, this.entries);
  }

  /** Hashes of the partial tile at `level`; empty if there is none. */
  partial(level: number): readonly Uint8Array[] {
    return this.levels[level] ?? [];
  }

  /** Appends leaf hashes in order and answers the tiles that became full, lower levels first. */
  append(leafHashes: readonly Uint8Array[]): FullTile[] {
    const full: FullTile[] = [];
    for (const hash of leafHashes) {
      this.entries++;
      this.push(0, hash, full);
    }
    return full;
  }

  /** RFC 6962 root of the tree. */
  root(): Uint8Array {
    // Lowest level first: what lies further right is the deeper operand.
    return (
      this.levels.reduce<Uint8Array | undefined>((right, hashes) => foldTile(this.hasher, hashes, right), undefined) ??
      EMPTY_ROOT
    );
  }

  private push(level: number, hash: Uint8Array, full: FullTile[]): void {
    const hashes = (this.levels[level] ??= []);
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const index = this.entries / TILE_WIDTH ** (level + 1) - 1;
    full.push({ level, index, data: concatBytes(...hashes) });
    this.levels[level] = [];
    this.push(level + 1, perfectRoot(this.hasher, hashes), full);
  }
}

/** Root of a perfect subtree over 1, 2, 4, ... hashes. */
export function perfectRoot(hasher: Hasher, hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < row.length; i += 2) next.push(hasher.node(row[i] ?? EMPTY_ROOT, row[i + 1] ?? EMPTY_ROOT));
    row = next;
  }
  return row[0] ?? EMPTY_ROOT;
}

/** Root over a partial tile's hashes and what lies right of them, if anything. */
export function foldTile(
  hasher: Hasher,
  hashes: readonly Uint8Array[],
  right: Uint8Array | undefined,
): Uint8Array | undefined {
  const subtrees: Uint8Array[] = [];
  let offset = 0;
  for (let width = TILE_WIDTH; width >= 1; width /= 2) {
    if (offset + width > hashes.length) continue;
    subtrees.push(perfectRoot(hasher, hashes.slice(offset, offset + width)));
    offset += width;
  }
  return subtrees.reduceRight<Uint8Array | undefined>(
    (acc, subtree) => (acc === undefined ? subtree : hasher.node(subtree, acc)),
    right,
  );
}
