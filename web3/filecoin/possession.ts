import { encodePacked, hexToBigInt, keccak256 } from 'viem';
import { hashPair } from './commp.js';

/** One leaf of a piece and its siblings from the leaf upward, as PDPVerifier takes them. */
export interface LeafProof {
  leaf: Uint8Array;
  proof: Uint8Array[];
}

/** PDPVerifier: keccak256(seed, set id, uint64 index) modulo the leaves that were there when the period began. */
export function challengedLeaf(seed: bigint, dataSetId: bigint, index: number, range: bigint): bigint {
  const packed = encodePacked(['uint256', 'uint256', 'uint64'], [seed, dataSetId, BigInt(index)]);
  return hexToBigInt(keccak256(packed)) % range;
}

/** Whether a leaf is where its proof says, under the root of a tree of `height`: what PieceProof.sol checks. */
export function verifyLeaf(
  { root, height }: { root: Uint8Array; height: number },
  leafIndex: number,
  { leaf, proof }: LeafProof,
): boolean {
  // A shorter proof would let an inner node pass for a leaf.
  if (proof.length !== height) return false;
  let node = leaf;
  let index = leafIndex;
  for (const sibling of proof) {
    node = index % 2 === 0 ? hashPair(node, sibling) : hashPair(sibling, node);
    index = Math.floor(index / 2);
  }
  return index === 0 && Buffer.compare(node, root) === 0;
}
