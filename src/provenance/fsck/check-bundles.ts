import { isWeighbridgeError, sameBytes } from '../../kernel/index.js';
import { nodeHasher } from '../log/node-hasher.js';
import { perfectRoot } from '../tiles/edge.js';
import { HASH_BYTES, TILE_WIDTH, tilePath } from '../tiles/tile-path.js';
import type { TileFetcher } from '../tiles/tree.js';
import { hashBundle } from './hash-bundle.js';

/** A run of full bundles, and what was found of them. */
export interface BundleRange {
  /** Index of the first. */
  first: number;
  count: number;
}

export interface CheckedBundles extends BundleRange {
  /** The root over each bundle's entries, one after the other: 32 bytes a bundle. */
  roots: Uint8Array;
  /** Indexes of the hash tiles that say something else than the entries below them. */
  forged: number[];
  /** Indexes of the bundles that do not parse. */
  malformed: number[];
}

/** Files and connections in flight a thread: enough to hide the wait, few enough to be polite. */
const IN_FLIGHT = 8;

/** Hashes the entries of full bundles and compares them with the leaf tiles beside. @throws what the fetcher throws */
export async function checkBundles(fetch: TileFetcher, { first, count }: BundleRange): Promise<CheckedBundles> {
  const result: CheckedBundles = { first, count, roots: new Uint8Array(count * HASH_BYTES), forged: [], malformed: [] };
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await checkOne(fetch, result, at);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, lane));
  return result;
}

async function checkOne(fetch: TileFetcher, result: CheckedBundles, at: number): Promise<void> {
  const index = result.first + at;
  const [bundle, tile] = await Promise.all([
    fetch(tilePath({ level: 'entries', index, width: TILE_WIDTH })),
    fetch(tilePath({ level: 0, index, width: TILE_WIDTH })),
  ]);
  try {
    const hashes = hashBundle(bundle, TILE_WIDTH);
    if (!sameBytes(hashes, tile)) result.forged.push(index);
    result.roots.set(perfectRoot(nodeHasher, splitHashes(hashes)), at * HASH_BYTES);
  } catch (error) {
    if (!isWeighbridgeError(error)) throw error;
    result.malformed.push(index);
  }
}

/** Views of the hashes that lie one after the other. */
export function splitHashes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
