import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../../kernel/index.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { consistencyProof, inclusionProof } from '../tiles/proofs.js';
import { VerifiedTree } from '../tiles/tree.js';
import { EMPTY_ROOT, pureHasher, verifyConsistency, verifyInclusion } from './rfc6962.js';

/** RFC 6962 section 2.1 word for word: slow, and independent of the tiles. */
function mth(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leaves[0] ?? EMPTY_ROOT;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return pureHasher.node(mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

const leavesOf = (n: number) => Array.from({ length: n }, (_, i) => utf8(`entry ${i}`));
const flipped = (hash: Uint8Array) => hash.map((b, i) => (i === 7 ? b ^ 1 : b));

describe('RFC 6962', { timeout: 300_000 }, () => {
  it('gives the roots of the public Certificate Transparency vectors', () => {
    const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const leaves = inputs.map((hex) => pureHasher.leaf(fromHex(hex)));
    const roots = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => toHex(mth(leaves.slice(0, n))));
    expect(roots).toEqual([
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ]);
  });

  it('proves every entry and every older size of small trees, and refuses each changed proof', async () => {
    const leaves = leavesOf(18);
    const hashes = leaves.map(pureHasher.leaf);
    for (let size = 1; size <= 18; size++) {
      const head = { size, root: mth(hashes.slice(0, size)) };
      const tree = await VerifiedTree.open(memoryLog(leaves.slice(0, size)).tile, head);
      for (let index = 0; index < size; index++) {
        const leaf = hashes[index] ?? EMPTY_ROOT;
        const proof = await inclusionProof(tree, index);
        expect(verifyInclusion(leaf, index, head, proof)).toBe(true);
        expect(verifyInclusion(leaf, index, head, [...proof, leaf])).toBe(false);
        expect(proof.length > 0 && verifyInclusion(leaf, index, head, proof.slice(1))).toBe(false);
        for (let i = 0; i < proof.length; i++) {
          const bad = proof.map((hash, j) => (i === j ? flipped(hash) : hash));
          expect(verifyInclusion(leaf, index, head, bad)).toBe(false);
        }
        for (let other = 0; other <= size; other++) {
          if (other !== index) expect(verifyInclusion(leaf, other, head, proof)).toBe(false);
        }
      }
      for (let from = 0; from <= size; from++) {
        const older = { size: from, root: mth(hashes.slice(0, from)) };
        const proof = await consistencyProof(tree, from);
        expect(verifyConsistency(older, head, proof)).toBe(true);
        expect(verifyConsistency(older, head, [...proof, head.root])).toBe(false);
        expect(verifyConsistency({ ...older, root: flipped(older.root) }, head, proof)).toBe(false);
        for (let i = 0; i < proof.length; i++) {
          const bad = proof.map((hash, j) => (i === j ? flipped(hash) : hash));
          expect(verifyConsistency(older, head, bad)).toBe(false);
        }
      }
    }
  });

  it('needs the size from a signed place: a proof alone does not fix it', async () => {
    // Documents the trap: size 3's proof of entry 0 also passes for size 4 if the verifier takes the size from the prover.
    const leaves = leavesOf(3);
    const hashes = leaves.map(pureHasher.leaf);
    const head = { size: 3, root: mth(hashes) };
    const proof = await inclusionProof(await VerifiedTree.open(memoryLog(leaves).tile, head), 0);
    expect(verifyInclusion(hashes[0] ?? EMPTY_ROOT, 0, { ...head, size: 4 }, proof)).toBe(true);
  });

  it('refuses sizes that are no natural numbers, and growth backwards', () => {
    const root = pureHasher.leaf(utf8('x'));
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(verifyInclusion(root, 0, { size, root }, [])).toBe(false);
      expect(verifyConsistency({ size, root }, { size, root }, [])).toBe(false);
    }
    expect(verifyConsistency({ size: 2, root }, { size: 1, root }, [])).toBe(false);
    expect(verifyConsistency({ size: 0, root }, { size: 1, root }, [])).toBe(false);
  });
});
