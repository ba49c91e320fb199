// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Trees of any size, by the recursive definitions of RFC 6962 sections 2.1 to 2.1.2
/// @notice One leaf and one older size are real; every subtree that neither touches has a made-up hash. So a tree of
/// 2^62 entries has its root, an inclusion proof and a consistency proof that belong together, in a few hundred hashes.
library MadeUpTree {
    struct Tree {
        bytes32 seed;
        uint256 size;
        uint256 oldSize;
        uint256 index;
        bytes32 leaf;
    }

    function root(Tree memory tree) internal pure returns (bytes32) {
        return _hash(tree, 0, tree.size);
    }

    function oldRoot(Tree memory tree) internal pure returns (bytes32) {
        return _hash(tree, 0, tree.oldSize);
    }

    /// @dev PATH(m, D[n]).
    function inclusion(Tree memory tree) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory buffer = new bytes32[](130);
        return _cut(buffer, _path(tree, buffer, 0, tree.size));
    }

    /// @dev PROOF(m, D[n]).
    function consistency(Tree memory tree) internal pure returns (bytes32[] memory proof) {
        bytes32[] memory buffer = new bytes32[](130);
        return _cut(buffer, _subProof(tree, buffer, 0, tree.size, true));
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @dev The largest power of two below n.
    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    function _path(Tree memory tree, bytes32[] memory out, uint256 from, uint256 n) private pure returns (uint256) {
        if (n == 1) return 0;
        uint256 k = split(n);
        bool left = tree.index < from + k;
        uint256 depth = left ? _path(tree, out, from, k) : _path(tree, out, from + k, n - k);
        out[depth] = left ? _hash(tree, from + k, n - k) : _hash(tree, from, k);
        return depth + 1;
    }

    function _subProof(Tree memory tree, bytes32[] memory out, uint256 from, uint256 n, bool complete)
        private
        pure
        returns (uint256)
    {
        if (tree.oldSize == from + n) {
            if (complete) return 0;
            out[0] = _hash(tree, from, n);
            return 1;
        }
        uint256 k = split(n);
        bool left = tree.oldSize <= from + k;
        uint256 depth = left ? _subProof(tree, out, from, k, complete) : _subProof(tree, out, from + k, n - k, false);
        out[depth] = left ? _hash(tree, from + k, n - k) : _hash(tree, from, k);
        return depth + 1;
    }

    /// @dev MTH of the entries [from, from + n). Only whole subtrees that hold neither the leaf nor the old end are made up.
    function _hash(Tree memory tree, uint256 from, uint256 n) private pure returns (bytes32) {
        bool hasLeaf = from <= tree.index && tree.index < from + n;
        if (n == 1 && hasLeaf) return tree.leaf;
        bool cut = from < tree.oldSize && tree.oldSize < from + n;
        if (n & (n - 1) == 0 && !hasLeaf && !cut) return keccak256(abi.encode(tree.seed, from, n));
        uint256 k = split(n);
        return node(_hash(tree, from, k), _hash(tree, from + k, n - k));
    }

    function _cut(bytes32[] memory buffer, uint256 length) private pure returns (bytes32[] memory) {
        assembly ("memory-safe") {
            mstore(buffer, length)
        }
        return buffer;
    }
}
