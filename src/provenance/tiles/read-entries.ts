import { sameBytes, toHex, WeighbridgeError } from '../../kernel/index.js';
import type { LogClient } from '../ports.js';
import type { Hasher, TreeHead } from '../verify/rfc6962.js';
import { decodeBundle } from './bundle.js';
import { TILE_WIDTH, tilePath, tileWidth } from './tile-path.js';
import { VerifiedTree } from './tree.js';

export interface IndexedEntry {
  index: number;
  entry: Uint8Array;
  /** 64 hex digits. */
  leafHash: string;
}

export interface ReadOptions {
  /** Index of the first entry; 0 unless set. */
  from?: number;
  /** Index after the last one; the head's size unless set. */
  to?: number;
  hasher?: Hasher;
}

/**
 * Every entry from one index up to another, in order, each checked against the head's root before it is given out. While the
 * entries of one bundle are used, the next one is fetched.
 * @throws WeighbridgeError PROOF_INVALID at the first that is not what the checkpoint says, LOG_UNAVAILABLE
 */
export async function* readEntries(
  log: Pick<LogClient, 'tile'>,
  head: TreeHead,
  { from = 0, to = head.size, hasher }: ReadOptions = {},
): AsyncGenerator<IndexedEntry> {
  const tree = await VerifiedTree.open((path) => log.tile(path), head, hasher);
  const end = Math.min(to, head.size);
  let next: Promise<IndexedEntry[]> | undefined;
  for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < end; bundle++) {
    const entries = await (next ?? readBundle(log, tree, bundle));
    next = (bundle + 1) * TILE_WIDTH < end ? readBundle(log, tree, bundle + 1) : undefined;
    // It may fail before anybody waits for it, or nobody may come for it.
    next?.catch(() => undefined);
    for (const entry of entries) if (entry.index >= from && entry.index < end) yield entry;
  }
}

/** One entry, checked. @throws WeighbridgeError PROOF_INVALID, LOG_UNAVAILABLE; RangeError beyond the head */
export async function readEntry(
  log: Pick<LogClient, 'tile'>,
  tree: VerifiedTree,
  index: number,
): Promise<IndexedEntry> {
  const entries = await readBundle(log, tree, Math.floor(index / TILE_WIDTH));
  const entry = entries[index % TILE_WIDTH];
  if (entry === undefined) throw new RangeError(`entry ${index} is not in a tree of ${tree.head.size}`);
  return entry;
}

async function readBundle(log: Pick<LogClient, 'tile'>, tree: VerifiedTree, index: number): Promise<IndexedEntry[]> {
  const width = tileWidth(tree.head.size, 'entries', index);
  if (width === 0) return [];
  const [bytes, hashes] = await Promise.all([fetchBundle(log, index, width), tree.tile(0, index)]);
  return decodeBundle(bytes, width).map((entry, i) => {
    const leaf = tree.hasher.leaf(entry);
    if (!sameBytes(leaf, hashes[i] ?? new Uint8Array())) {
      throw new WeighbridgeError('PROOF_INVALID', `entry ${index * TILE_WIDTH + i} is not the one in the tree`, {
        next: 'Do not rely on this log; keep the checkpoint and the bundle as evidence.',
      });
    }
    return { index: index * TILE_WIDTH + i, entry, leafHash: toHex(leaf) };
  });
}

/** A partial bundle may be gone once the full one exists (C2SP). */
async function fetchBundle(log: Pick<LogClient, 'tile'>, index: number, width: number): Promise<Uint8Array> {
  const name = { level: 'entries', index } as const;
  try {
    return await log.tile(tilePath({ ...name, width }));
  } catch (error) {
    if (width === TILE_WIDTH) throw error;
    return log.tile(tilePath({ ...name, width: TILE_WIDTH })).catch(() => {
      throw error;
    });
  }
}
