import { sameBytes, WeighbridgeError } from '../../kernel/index.js';
import { EMPTY_ROOT, pureHasher, type Hasher, type TreeHead } from '../verify/rfc6962.js';
import { foldTile, perfectRoot } from './edge.js';
import { HASH_BYTES, levelSize, TILE_WIDTH, tilePath, tileWidth, type TileName } from './tile-path.js';

/** Bytes of a tile by its C2SP path, from wherever: HTTP, a folder, the database. Nothing about them is trusted. */
export type TileFetcher = (path: string) => Promise<Uint8Array>;

const LEAF_TILES_KEPT = 16;

/**
 * A tree of which every hash was checked against one checkpoint's root before it is given out. CVE-2026-56865: a reader
 * that checks only the tiles on some path accepts a forged one beside it. Here a tile counts only once its own root was
 * found in its parent, and the right edge only once it folds to the checkpoint's root.
 */
export class VerifiedTree {
  private readonly tiles = new Map<string, Promise<Uint8Array[]>>();

  private constructor(
    private readonly fetch: TileFetcher,
    readonly head: TreeHead,
    readonly hasher: Hasher,
    /** The partial tile of each level. */
    private readonly edge: Uint8Array[][],
  ) {}

  /** @throws WeighbridgeError PROOF_INVALID if the tiles of the right edge do not make the head's root */
  static async open(fetch: TileFetcher, head: TreeHead, hasher: Hasher = pureHasher): Promise<VerifiedTree> {
    const levels: number[] = [];
    for (let level = 0; levelSize(head.size, level) > 0; level++) levels.push(level);
    const edge = await Promise.all(levels.map(async (level) => fetchEdge(fetch, head.size, level)));
    const root = edge.reduce<Uint8Array | undefined>((right, tile) => foldTile(hasher, tile, right), undefined);
    if (!sameBytes(root ?? EMPTY_ROOT, head.root)) throw forged(`the right edge of the tree of ${head.size}`);
    return new VerifiedTree(fetch, head, hasher, edge);
  }

  /** All hashes of one tile. @throws WeighbridgeError PROOF_INVALID, and what the fetcher throws */
  async tile(level: number, index: number): Promise<Uint8Array[]> {
    if (index === Math.floor(levelSize(this.head.size, level) / TILE_WIDTH)) return this.edge[level] ?? [];
    const key = `${level}/${index}`;
    const cached = this.tiles.get(key);
    if (cached) return cached;
    const loading = this.load(level, index);
    this.tiles.set(key, loading);
    loading.catch(() => this.tiles.delete(key));
    if (level === 0) this.forgetOldLeaves();
    return loading;
  }

  /** Hash of the subtree over entries `[start, end)`, split as RFC 6962 section 2.1 splits. */
  async rangeHash(start: number, end: number): Promise<Uint8Array> {
    const count = end - start;
    const left = largestPowerOfTwo(count);
    if (left === count) return this.perfectHash(start, count);
    const [l, r] = [await this.perfectHash(start, left), await this.rangeHash(start + left, end)];
    return this.hasher.node(l, r);
  }

  /** Hash over `count` (a power of two) entries from `start`, a multiple of it: within a single tile. */
  private async perfectHash(start: number, count: number): Promise<Uint8Array> {
    let [level, span] = [0, count];
    while (span >= TILE_WIDTH) [level, span] = [level + 1, span / TILE_WIDTH];
    const first = start / TILE_WIDTH ** level;
    const tile = await this.tile(level, Math.floor(first / TILE_WIDTH));
    const hashes = tile.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + span);
    if (hashes.length !== span)
      throw new RangeError(`entries ${start}+${count} are not in a tree of ${this.head.size}`);
    return perfectRoot(this.hasher, hashes);
  }

  private async load(level: number, index: number): Promise<Uint8Array[]> {
    const hashes = await fetchTile(this.fetch, { level, index, width: TILE_WIDTH });
    const parent = await this.tile(level + 1, Math.floor(index / TILE_WIDTH));
    const expected = parent[index % TILE_WIDTH];
    if (expected === undefined || !sameBytes(perfectRoot(this.hasher, hashes), expected)) {
      throw forged(tilePath({ level, index, width: TILE_WIDTH }));
    }
    return hashes;
  }

  /** Upper tiles are few; leaf tiles of a long walk are not. */
  private forgetOldLeaves(): void {
    const leaves = [...this.tiles.keys()].filter((key) => key.startsWith('0/'));
    for (const key of leaves.slice(0, Math.max(0, leaves.length - LEAF_TILES_KEPT))) this.tiles.delete(key);
  }
}

/** The partial tile of a level; of no hashes if the tiles of that level are all full. */
async function fetchEdge(fetch: TileFetcher, size: number, level: number): Promise<Uint8Array[]> {
  const index = Math.floor(levelSize(size, level) / TILE_WIDTH);
  const width = tileWidth(size, level, index);
  return width === 0 ? [] : fetchTile(fetch, { level, index, width });
}

/** The largest power of two that is at most `n`, for n of 1 or more. */
export function largestPowerOfTwo(n: number): number {
  let power = 1;
  while (power * 2 <= n) power *= 2;
  return power;
}

async function fetchTile(fetch: TileFetcher, name: TileName): Promise<Uint8Array[]> {
  const data = await fetchWidth(fetch, name);
  if (data.length < name.width * HASH_BYTES) throw forged(tilePath(name));
  return Array.from({ length: name.width }, (_, i) => data.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

/** C2SP: a log may drop a partial tile once the full one exists, so that one is tried next. */
async function fetchWidth(fetch: TileFetcher, name: TileName): Promise<Uint8Array> {
  try {
    return await fetch(tilePath(name));
  } catch (error) {
    if (name.width === TILE_WIDTH) throw error;
    return fetch(tilePath({ ...name, width: TILE_WIDTH })).catch(() => {
      throw error;
    });
  }
}

function forged(what: string): WeighbridgeError {
  return new WeighbridgeError('PROOF_INVALID', `${what} does not hash to the checkpoint's root`, {
    next: 'Do not rely on this log; keep the checkpoint and the tile as evidence and tell its operator and witnesses.',
  });
}
