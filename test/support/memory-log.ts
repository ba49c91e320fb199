import { concatBytes, WeighbridgeError } from '../../src/kernel/index.js';
import { nodeHasher } from '../../src/provenance/log/node-hasher.js';
import { encodeBundle } from '../../src/provenance/tiles/bundle.js';
import { Edge } from '../../src/provenance/tiles/edge.js';
import { parseTilePath, TILE_WIDTH, tilePath } from '../../src/provenance/tiles/tile-path.js';
import type { TileFetcher } from '../../src/provenance/tiles/tree.js';
import type { TreeHead } from '../../src/provenance/verify/rfc6962.js';

/** All tiles and bundles of a tree over these entries, in memory; `tiles` may be tampered with. Hashed by OpenSSL: readers hash anew. */
export function memoryLog(entries: readonly Uint8Array[]): {
  head: TreeHead;
  tiles: Map<string, Uint8Array>;
  tile: TileFetcher;
} {
  const edge = Edge.empty(nodeHasher);
  const tiles = new Map<string, Uint8Array>();
  for (const full of edge.append(entries.map(nodeHasher.leaf))) {
    tiles.set(tilePath({ ...full, width: TILE_WIDTH }), full.data);
  }
  for (let level = 0; level < 8; level++) {
    const hashes = edge.partial(level);
    const index = Math.floor(entries.length / TILE_WIDTH ** (level + 1));
    if (hashes.length > 0) tiles.set(tilePath({ level, index, width: hashes.length }), concatBytes(...hashes));
  }
  for (let index = 0; index * TILE_WIDTH < entries.length; index++) {
    const some = entries.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
    tiles.set(tilePath({ level: 'entries', index, width: some.length }), encodeBundle(some));
  }
  const tile: TileFetcher = async (path) => {
    parseTilePath(path);
    const data = tiles.get(path);
    if (!data) throw new WeighbridgeError('LOG_UNAVAILABLE', `no ${path}`, { next: 'Ask for another tile.' });
    return data;
  };
  return { head: { size: entries.length, root: edge.root() }, tiles, tile };
}
