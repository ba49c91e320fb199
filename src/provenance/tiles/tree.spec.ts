import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../kernel/index.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { nodeHasher } from '../log/node-hasher.js';
import { EMPTY_ROOT, pureHasher, verifyConsistency, verifyInclusion } from '../verify/rfc6962.js';
import { consistencyProof, inclusionProof } from './proofs.js';
import { readEntries, readEntry } from './read-entries.js';
import { parseTilePath, tilePath, TILE_WIDTH } from './tile-path.js';
import { VerifiedTree } from './tree.js';

const SIZE = 66_000;
const entries = Array.from({ length: SIZE }, (_, i) => utf8(`e${i}`));
const hashes = entries.map(nodeHasher.leaf);
const EDGES = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 65_793, SIZE];
const rootAt = new Map([5, ...EDGES].map((size) => [size, memoryLog(entries.slice(0, size)).head.root]));

describe('tile paths', () => {
  it('are those of the C2SP text', () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 0, index: 273, width: 112 })).toBe('tile/0/273.p/112');
    expect(tilePath({ level: 'entries', index: 0, width: 1 })).toBe('tile/entries/000.p/1');
  });

  it('are read back, and only in their one spelling', () => {
    for (const index of [0, 7, 999, 1000, 1_234_067, 999_999_999]) {
      const name = { level: 2, index, width: 256 };
      expect(parseTilePath(tilePath(name))).toEqual(name);
    }
    const wrong =
      'tile/0/x000/001 tile/0/1 tile/0/001.p/256 tile/0/001.p/0 tile/0/001.p/01 tile/64/001 tile/00/001 tile/0/../001 tile/0/001/ tile/-1/001 tile/entries/x1/001';
    for (const path of [...wrong.split(' '), '']) expect(() => parseTilePath(path)).toThrow(/tile path/);
  });
});

describe('a tree read from tiles', { timeout: 300_000 }, () => {
  it('proves across the splits at tile edges', async () => {
    for (const size of EDGES) {
      const log = memoryLog(entries.slice(0, size));
      const tree = await VerifiedTree.open(log.tile, log.head, nodeHasher);
      for (const index of EDGES.flatMap((n) => [n - 1, n]).filter((n) => n < size)) {
        const proof = await inclusionProof(tree, index);
        expect(verifyInclusion(hashes[index] ?? EMPTY_ROOT, index, log.head, proof)).toBe(true);
      }
      for (const from of EDGES.filter((n) => n <= size)) {
        const older = { size: from, root: rootAt.get(from) ?? EMPTY_ROOT };
        expect(verifyConsistency(older, log.head, await consistencyProof(tree, from))).toBe(true);
      }
      await expect(inclusionProof(tree, size)).rejects.toThrow(RangeError);
      await expect(consistencyProof(tree, size + 1)).rejects.toThrow(RangeError);
    }
  });

  it('takes the full tile where a log has dropped the partial one', async () => {
    const [older, newer] = [memoryLog(entries.slice(0, 300)), memoryLog(entries.slice(0, 512))];
    const tree = await VerifiedTree.open(async (path) => {
      if (path === 'tile/1/000.p/1') return older.tile(path);
      return newer.tile(path);
    }, older.head);
    expect(verifyInclusion(hashes[299] ?? EMPTY_ROOT, 299, older.head, await inclusionProof(tree, 299))).toBe(true);
    expect((await readEntry(newer, tree, 299)).entry).toEqual(entries[299]);
  });

  it('refuses a forged tile wherever it lies (CVE-2026-56865)', async () => {
    const log = memoryLog(entries);
    // A whole forged subtree beside the path: self-consistent below, and its parent tile left alone.
    const forgedLeaves = hashes.slice(512, 768).map((hash, i) => (i === 3 ? pureHasher.leaf(utf8('forged')) : hash));
    log.tiles.set('tile/0/002', concatBytes(...forgedLeaves));
    const tree = await VerifiedTree.open(log.tile, log.head);
    await expect(inclusionProof(tree, 515)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    await expect(inclusionProof(tree, 520)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    log.tiles.set('tile/0/002', concatBytes(...hashes.slice(512, 768)));

    for (const path of ['tile/0/000', 'tile/1/000', 'tile/1/001.p/1', 'tile/2/000.p/1', 'tile/0/257.p/208']) {
      const honest = log.tiles.get(path) ?? new Uint8Array();
      expect(honest.length).toBeGreaterThan(0);
      const bytes = honest.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
      log.tiles.set(path, bytes);
      const attempt = VerifiedTree.open(log.tile, log.head).then((t) => inclusionProof(t, 1));
      await expect(attempt, path).rejects.toMatchObject({ code: 'PROOF_INVALID' });
      log.tiles.set(path, honest);
    }
  });

  it('refuses tiles that are short, and a head that is not theirs', async () => {
    const log = memoryLog(entries.slice(0, 600));
    log.tiles.set('tile/0/001', new Uint8Array(8191));
    const tree = await VerifiedTree.open(log.tile, log.head);
    await expect(inclusionProof(tree, 300)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    const wrong = VerifiedTree.open(log.tile, { ...log.head, root: rootAt.get(5) ?? EMPTY_ROOT });
    await expect(wrong).rejects.toMatchObject({ code: 'PROOF_INVALID' });
  });

  it('opens the empty tree', async () => {
    const tree = await VerifiedTree.open(memoryLog([]).tile, { size: 0, root: EMPTY_ROOT });
    expect(await consistencyProof(tree, 0)).toEqual([]);
  });
});

describe('reading entries', () => {
  it('gives each with its index, from anywhere', async () => {
    const log = memoryLog(entries.slice(0, 700));
    const read = [];
    for await (const { index, entry } of readEntries(log, log.head, { from: 250 })) {
      expect(entry).toEqual(entries[index]);
      read.push(index);
    }
    expect(read).toEqual(Array.from({ length: 450 }, (_, i) => 250 + i));
  });

  it('refuses a bundle with a changed, swapped or missing entry', async () => {
    const changes: ((bundle: Uint8Array) => Uint8Array)[] = [
      (bundle) => bundle.map((b, i) => (i === 2 ? b ^ 1 : b)),
      (bundle) => bundle.slice(0, -1),
      (bundle) => concatBytes(bundle.slice(4, 8), bundle.slice(0, 4), bundle.slice(8)),
    ];
    for (const change of changes) {
      const log = memoryLog(entries.slice(0, TILE_WIDTH));
      log.tiles.set('tile/entries/000', change(log.tiles.get('tile/entries/000') ?? new Uint8Array()));
      const walk = async () => {
        for await (const _ of readEntries(log, log.head)) void _;
      };
      await expect(walk()).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    }
  });
});
