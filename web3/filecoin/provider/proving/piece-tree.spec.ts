import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLOCK_RAW_BYTES, PieceHasher } from '../../commp.js';
import { parsePieceCid, type PieceCid } from '../../piece-cid.js';
import { verifyLeaf } from '../../possession.js';
import { PieceFiles } from '../piece-files.js';
import { PieceLost, PieceTrees } from './piece-trees.js';

let dir: string;
let trees: PieceTrees;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-trees-'));
  trees = new PieceTrees(dir, new PieceFiles(dir, Number.MAX_SAFE_INTEGER));
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

async function store(sizeBytes: number): Promise<{ piece: PieceCid; file: string }> {
  const bytes = randomBytes(sizeBytes);
  bytes[sizeBytes - 1] = 0xff; // a last leaf of zeros would be the padding beside it: the same proof holds for both
  const piece = parsePieceCid(new PieceHasher().write(bytes).digest());
  if (piece === undefined) throw new Error('no piece');
  const file = path.join(dir, 'pieces', piece.text);
  await writeFile(file, bytes);
  return { piece, file };
}

/** Leaves that hold any byte of a piece: what the contract draws from. */
const leavesOf = (sizeBytes: number): number => Math.floor((sizeBytes * 4 + 126) / 127);

describe('the tree of a piece', () => {
  test.each([
    127,
    128,
    129,
    254,
    1_000,
    BLOCK_RAW_BYTES - 1,
    BLOCK_RAW_BYTES,
    BLOCK_RAW_BYTES + 1,
    5 * BLOCK_RAW_BYTES,
  ])('of %i bytes proves each leaf under the root that its CID names, and no other leaf', async (sizeBytes) => {
    const { piece } = await store(sizeBytes);
    const leaves = leavesOf(sizeBytes);
    const some = Array.from({ length: 20 }, () => Math.floor(Math.random() * leaves));
    for (const leafIndex of [0, leaves - 1, ...some]) {
      const proof = await trees.prove(piece, leafIndex);
      expect(proof.proof).toHaveLength(piece.height);
      expect(verifyLeaf(piece, leafIndex, proof)).toBe(true);
      expect(verifyLeaf(piece, leafIndex ^ 1, proof)).toBe(false);
      const [first, ...rest] = proof.proof;
      expect(verifyLeaf(piece, leafIndex, { ...proof, proof: rest })).toBe(false);
      expect(verifyLeaf(piece, leafIndex, { leaf: first ?? proof.leaf, proof: proof.proof })).toBe(false);
    }
  });

  test('is kept: a later proof reads one block, whatever became of the others', async () => {
    const { piece, file } = await store(3 * BLOCK_RAW_BYTES);
    await trees.prove(piece, 0);
    const handle = await open(file, 'r+');
    await handle.write(randomBytes(100), 0, 100, 2 * BLOCK_RAW_BYTES);
    await handle.close();
    await trees.prove(piece, 5);
    await expect(trees.prove(piece, 2 * 8_192)).rejects.toThrow(PieceLost);
  });

  test('that was damaged on disk is built again from the piece', async () => {
    const { piece } = await store(2 * BLOCK_RAW_BYTES);
    await trees.prove(piece, 7);
    const kept = path.join(dir, 'trees', piece.text);
    const good = await readFile(kept);
    await writeFile(kept, Buffer.concat([good.subarray(1), Buffer.from([1])]));
    await trees.prove(piece, 7);
    expect(await readFile(kept)).toEqual(good);
  });

  test('of a piece that is gone, short or other proves nothing', async () => {
    const gone = await store(1_000);
    await rm(gone.file);
    await expect(trees.prove(gone.piece, 0)).rejects.toThrow('is not here');
    const short = await store(1_000);
    await writeFile(short.file, randomBytes(999));
    await expect(trees.prove(short.piece, 0)).rejects.toThrow('has 999 bytes');
    const other = await store(1_000);
    await writeFile(other.file, randomBytes(1_000));
    await expect(trees.prove(other.piece, 0)).rejects.toThrow('is damaged');
  });
});
