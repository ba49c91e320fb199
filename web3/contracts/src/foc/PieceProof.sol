// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Inclusion proofs in the tree of a piece
/// @notice The tree hashes pairs with SHA-256 and clears the two top bits of every node (sha2-256-trunc254-padded), bits being
/// counted from the least significant one of the first byte: the last byte loses its two highest.
library PieceProof {
    bytes32 private constant TRUNC254 = bytes32(type(uint256).max ^ 0xc0);

    /// @notice Whether `leaf` is at `index` under `root`. The proof has one sibling a level, from the leaf upward.
    function verify(bytes32 root, uint256 height, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        // A shorter proof would let an inner node pass for a leaf.
        if (proof.length != height) return false;
        bytes32 node = leaf;
        for (uint256 level = 0; level < height; level++) {
            node = index & 1 == 0 ? _hash(node, proof[level]) : _hash(proof[level], node);
            index >>= 1;
        }
        return index == 0 && node == root;
    }

    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(left, right)) & TRUNC254;
    }
}
