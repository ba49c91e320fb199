import type { Pool } from 'pg';
import { concatBytes, WeighbridgeError } from '../../kernel/index.js';
import { encodeBundle } from '../tiles/bundle.js';
import { Edge, perfectRoot } from '../tiles/edge.js';
import { HASH_BYTES, levelSize, TILE_WIDTH, tilePath, tileWidth, type TileName } from '../tiles/tile-path.js';
import { nodeHasher } from './node-hasher.js';
import { RecentEntries } from './recent-entries.js';

const ENTRIES = 'SELECT data AS bytes FROM tlog.entries WHERE idx >= $1 AND idx < $2 ORDER BY idx';
const LEAF_HASHES = 'SELECT leaf_hash AS bytes FROM tlog.entries WHERE idx >= $1 AND idx < $2 ORDER BY idx';
const TILES = 'SELECT data AS bytes FROM tlog.tiles WHERE n >= $1 AND n < $2 AND level = $3 ORDER BY n';

/** 2 MiB. */
const TILES_A_READ = 256;

/** Reads of the log's tables. Nothing here writes, and nothing here waits for the sequencer. */
export class LogReader {
  constructor(
    private readonly pool: Pool,
    private readonly recent = new RecentEntries(),
  ) {}

  /** Size and origin as committed; undefined before the first start. */
  async state(): Promise<{ origin: string; size: number; note: string | undefined } | undefined> {
    const { rows } = await this.pool.query<{ origin: string; size: string; note: string | null }>(
      'SELECT s.origin, s.size, c.note FROM tlog.log_state s LEFT JOIN tlog.checkpoints c ON c.size = s.size',
    );
    const [row] = rows;
    return row && { origin: row.origin, size: Number(row.size), note: row.note ?? undefined };
  }

  /** The right edge of the tree of `size` entries, made from entries and full tiles. */
  async edge(size: number): Promise<Edge> {
    const levels: Uint8Array[][] = [];
    for (let level = 0; levelSize(size, level) > 0; level++) levels.push(await this.partialHashes(size, level));
    return Edge.from(nodeHasher, size, levels);
  }

  /**
   * Bytes of a tile or bundle of the tree whose edge this is.
   * @throws WeighbridgeError BAD_INPUT beyond the tree, INTERNAL if the database lacks what it must have
   */
  async tile(name: TileName, edge: Edge): Promise<Uint8Array> {
    const { level, index, width } = name;
    if (width > tileWidth(edge.size, level, index)) {
      throw new WeighbridgeError('BAD_INPUT', `${tilePath(name)} is beyond the log's ${edge.size} entries`, {
        next: 'Ask for tiles of the newest checkpoint.',
      });
    }
    if (level === 'entries') {
      const start = index * TILE_WIDTH;
      return encodeBundle(this.recent.slice(start, width) ?? (await this.bytes(ENTRIES, start, width)));
    }
    // The right edge is in memory; every tile left of it is full.
    if (index === Math.floor(levelSize(edge.size, level) / TILE_WIDTH)) {
      return concatBytes(...edge.partial(level).slice(0, width));
    }
    const [tile] = await this.bytes(TILES, index, 1, level);
    return (tile ?? new Uint8Array()).subarray(0, width * HASH_BYTES);
  }

  /** Every leaf hash of the tree whose edge this is, in order. */
  async *leafHashes(edge: Edge): AsyncGenerator<Uint8Array> {
    const tiles = Math.floor(edge.size / TILE_WIDTH);
    for (let tile = 0; tile < tiles; tile += TILES_A_READ) {
      for (const hashes of await this.bytes(TILES, tile, Math.min(TILES_A_READ, tiles - tile), 0))
        yield* hashesOf(hashes);
    }
    yield* edge.partial(0);
  }

  private async partialHashes(size: number, level: number): Promise<Uint8Array[]> {
    const count = levelSize(size, level) % TILE_WIDTH;
    const start = levelSize(size, level) - count;
    if (level === 0) return this.bytes(LEAF_HASHES, start, count);
    const tiles = await this.bytes(TILES, start, count, level - 1);
    return tiles.map((tile) => perfectRoot(nodeHasher, hashesOf(tile)));
  }

  /** `count` values from `start` on, in order. @throws WeighbridgeError INTERNAL if one is missing */
  private async bytes(text: string, start: number, count: number, ...more: number[]): Promise<Uint8Array[]> {
    if (count === 0) return [];
    const { rows } = await this.pool.query<{ bytes: Buffer }>(text, [start, start + count, ...more]);
    if (rows.length !== count) {
      throw new WeighbridgeError('INTERNAL', `the log's database lacks ${count - rows.length} rows from ${start}`, {
        next: 'Restore the newest intact copy of the log’s database.',
      });
    }
    return rows.map((row) => row.bytes);
  }
}

function hashesOf(tile: Uint8Array): Uint8Array[] {
  return Array.from({ length: tile.length / HASH_BYTES }, (_, i) =>
    tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
