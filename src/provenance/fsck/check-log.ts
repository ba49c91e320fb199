import { isWeighbridgeError, sameBytes } from '../../kernel/index.js';
import { nodeHasher } from '../log/node-hasher.js';
import { foldTile, perfectRoot } from '../tiles/edge.js';
import { HASH_BYTES, TILE_WIDTH, tilePath, tileWidth, type TileName } from '../tiles/tile-path.js';
import type { TileFetcher } from '../tiles/tree.js';
import { EMPTY_ROOT, type TreeHead } from '../verify/rfc6962.js';
import { checkAllBundles } from './bundle-pool.js';
import { splitHashes } from './check-bundles.js';
import { hashBundle } from './hash-bundle.js';
import { openLogSource, type LogSource } from './log-source.js';

export interface LogFindings {
  /** Paths of entry bundles that do not parse. */
  malformed: string[];
  /** Paths of hash tiles that are not what the entries below them hash to. */
  forged: string[];
  /** RFC 6962 root over the entries as they lie there, whatever the tiles say. 32 bytes. */
  root: Uint8Array;
  /** Hash tiles that were compared. */
  tiles: number;
}

export interface CheckLogOptions {
  /** 0 works in the calling thread. */
  threads: number;
  onProgress?: (entries: number) => void;
}

/**
 * Hashes every entry of a log up to the head and rebuilds the whole tree from them, so that no tile is believed: every one
 * that the head's tree has is compared with what was rebuilt (CVE-2026-56865: a reader that checks only the tiles on some
 * path accepts a forged one beside it). Memory: 32 bytes for each 256 entries.
 * @throws WeighbridgeError LOG_UNAVAILABLE (at a URL), BAD_INPUT (in a folder): a file of the tree is missing
 */
export async function checkLog(source: LogSource, head: TreeHead, options: CheckLogOptions): Promise<LogFindings> {
  const { tile } = openLogSource(source);
  const findings: LogFindings = { malformed: [], forged: [], root: EMPTY_ROOT, tiles: 0 };
  const roots = await checkEntries(source, head.size, options, findings);
  const edge = [await checkLastBundle(tile, head.size, findings)];
  options.onProgress?.(head.size);
  for (let [level, below] = [1, roots]; below.length > 0; level++) {
    const { above, partial } = await checkLevel(tile, head.size, level, below, findings);
    edge.push(partial);
    below = above;
  }
  const folded = edge.reduce<Uint8Array | undefined>((right, hashes) => foldTile(nodeHasher, hashes, right), undefined);
  return { ...findings, root: folded ?? EMPTY_ROOT };
}

/** @returns the roots of all full bundles, which are the hashes of level 1 */
async function checkEntries(
  source: LogSource,
  size: number,
  { threads, onProgress }: CheckLogOptions,
  findings: LogFindings,
): Promise<Uint8Array[]> {
  const count = Math.floor(size / TILE_WIDTH);
  const roots = new Uint8Array(count * HASH_BYTES);
  let done = 0;
  await checkAllBundles(source, count, threads, (found) => {
    roots.set(found.roots, found.first * HASH_BYTES);
    const path = (level: TileName['level']) => (index: number) => tilePath({ level, index, width: TILE_WIDTH });
    findings.malformed.push(...found.malformed.map(path('entries')));
    findings.forged.push(...found.forged.map(path(0)));
    onProgress?.((done += found.count) * TILE_WIDTH);
  });
  findings.tiles += count;
  return splitHashes(roots);
}

/** @returns the leaf hashes right of the last full bundle */
async function checkLastBundle(fetch: TileFetcher, size: number, findings: LogFindings): Promise<Uint8Array[]> {
  const index = Math.floor(size / TILE_WIDTH);
  const width = tileWidth(size, 'entries', index);
  if (width === 0) return [];
  const name = { level: 'entries', index, width } as const;
  try {
    const { bytes, whole } = await fetchWidth(fetch, name);
    const hashes = hashBundle(Uint8Array.from(bytes), width, whole);
    await compareTile(fetch, { level: 0, index, width }, hashes, findings);
    return splitHashes(hashes);
  } catch (error) {
    if (!isWeighbridgeError(error) || error.code !== 'PROOF_INVALID') throw error;
    findings.malformed.push(tilePath(name));
    return [];
  }
}

/** Compares the tiles of one level with its rebuilt hashes. @returns the hashes of the level above, and the partial tile */
async function checkLevel(
  fetch: TileFetcher,
  size: number,
  level: number,
  hashes: readonly Uint8Array[],
  findings: LogFindings,
): Promise<{ above: Uint8Array[]; partial: Uint8Array[] }> {
  const above: Uint8Array[] = [];
  for (let index = 0; ; index++) {
    const tile = hashes.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
    const width = tileWidth(size, level, index);
    if (width > 0) await compareTile(fetch, { level, index, width }, Buffer.concat(tile), findings);
    if (width < TILE_WIDTH) return { above, partial: tile };
    above.push(perfectRoot(nodeHasher, tile));
  }
}

async function compareTile(
  fetch: TileFetcher,
  name: TileName,
  expected: Uint8Array,
  findings: LogFindings,
): Promise<void> {
  const { bytes, whole } = await fetchWidth(fetch, name);
  findings.tiles += 1;
  const served = whole ? bytes : bytes.subarray(0, expected.length);
  if (!sameBytes(served, expected)) findings.forged.push(tilePath(name));
}

/** C2SP: a log may drop a partial file once the full one exists; then that one's beginning counts. */
async function fetchWidth(fetch: TileFetcher, name: TileName): Promise<{ bytes: Uint8Array; whole: boolean }> {
  try {
    return { bytes: await fetch(tilePath(name)), whole: true };
  } catch (error) {
    if (name.width === TILE_WIDTH) throw error;
    const bytes = await fetch(tilePath({ ...name, width: TILE_WIDTH })).catch(() => {
      throw error;
    });
    return { bytes, whole: false };
  }
}
