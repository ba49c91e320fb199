import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, fromHex, sameBytes } from '../../kernel/index.js';

/** The two hashes of RFC 6962 section 2.1. Pluggable: the sequencer brings OpenSSL's, browsers have this one. */
export interface Hasher {
  /** SHA-256(0x00 || entry) */
  leaf(entry: Uint8Array): Uint8Array;
  /** SHA-256(0x01 || left || right) */
  node(left: Uint8Array, right: Uint8Array): Uint8Array;
}

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

export const pureHasher: Hasher = {
  leaf: (entry) => sha256(concatBytes(LEAF_PREFIX, entry)),
  node: (left, right) => sha256(concatBytes(NODE_PREFIX, left, right)),
};

/** SHA-256 of nothing: the root of the tree without entries. */
export const EMPTY_ROOT = fromHex('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');

/** What a checkpoint fixes. A proof never binds the size: take both from one signed or anchored place. */
export interface TreeHead {
  size: number;
  /** 32 bytes. */
  root: Uint8Array;
}

/** RFC 9162 section 2.1.3.2. Answers false for everything but the one canonical proof. */
export function verifyInclusion(
  leafHash: Uint8Array,
  index: number,
  head: TreeHead,
  proof: readonly Uint8Array[],
  hasher: Hasher = pureHasher,
): boolean {
  if (!isNatural(index) || !isNatural(head.size) || index >= head.size) return false;
  let [fn, sn, hash] = [index, head.size - 1, leafHash];
  for (const sibling of proof) {
    if (sn === 0 || sibling.length !== 32) return false;
    if (isOdd(fn) || fn === sn) {
      hash = hasher.node(sibling, hash);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      hash = hasher.node(hash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameBytes(hash, head.root);
}

/** RFC 9162 section 2.1.4.2, and section 4.11's ends: the empty tree is consistent with all, a tree with itself. */
export function verifyConsistency(
  older: TreeHead,
  newer: TreeHead,
  proof: readonly Uint8Array[],
  hasher: Hasher = pureHasher,
): boolean {
  if (!isNatural(older.size) || !isNatural(newer.size) || older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && sameBytes(older.root, newer.root);
  if (older.size === 0) return proof.length === 0 && sameBytes(older.root, EMPTY_ROOT);
  let [fn, sn] = [older.size - 1, newer.size - 1];
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  // fn is 0 exactly if the older size is a power of two: then its root is a node of the newer tree and starts the path.
  const [seed, ...rest] = fn === 0 ? [older.root, ...proof] : proof;
  if (seed === undefined || seed.length !== 32) return false;
  let [inOlder, inNewer] = [seed, seed];
  for (const sibling of rest) {
    if (sn === 0 || sibling.length !== 32) return false;
    if (isOdd(fn) || fn === sn) {
      inOlder = hasher.node(sibling, inOlder);
      inNewer = hasher.node(sibling, inNewer);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      inNewer = hasher.node(inNewer, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameBytes(inOlder, older.root) && sameBytes(inNewer, newer.root);
}

// Sizes go beyond 32 bits, so no bit operators.
const isNatural = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);
