import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, to0x, type Bytes32 } from '../../src/kernel/index.js';

/**
 * A log in memory, by the recursive definitions of RFC 6962 section 2.1 and nothing else, so that tests of the product's
 * proofs lean on an independent and obvious implementation. Slow on purpose.
 */
export class MerkleTree {
  readonly #leaves: Uint8Array[] = [];

  get size(): number {
    return this.#leaves.length;
  }

  /** @returns the index of the entry */
  append(entry: Uint8Array): number {
    return this.#leaves.push(sha256(concatBytes(Uint8Array.of(0), entry))) - 1;
  }

  root(size = this.size): Bytes32 {
    return to0x(treeHash(this.#leaves.slice(0, size)));
  }

  inclusion(index: number, size = this.size): Bytes32[] {
    return path(index, this.#leaves.slice(0, size)).map(to0x);
  }

  consistency(oldSize: number, newSize = this.size): Bytes32[] {
    if (oldSize === 0 || oldSize === newSize) return [];
    return subProof(oldSize, this.#leaves.slice(0, newSize), true).map(to0x);
  }
}

function treeHash(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array());
  const [only] = leaves;
  if (only !== undefined && leaves.length === 1) return only;
  const k = split(leaves.length);
  return sha256(concatBytes(Uint8Array.of(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k))));
}

/** PATH(m, D[n]), section 2.1.1. */
function path(m: number, leaves: Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...path(m, leaves.slice(0, k)), treeHash(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), treeHash(leaves.slice(0, k))];
}

/** SUBPROOF(m, D[n], b), section 2.1.2. */
function subProof(m: number, leaves: Uint8Array[], complete: boolean): Uint8Array[] {
  if (m === leaves.length) return complete ? [] : [treeHash(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...subProof(m, leaves.slice(0, k), complete), treeHash(leaves.slice(k))]
    : [...subProof(m - k, leaves.slice(k), false), treeHash(leaves.slice(0, k))];
}

/** The largest power of two below n. */
function split(n: number): number {
  return 2 ** Math.ceil(Math.log2(n) - 1);
}
