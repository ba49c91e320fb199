// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title RFC 6962 Merkle proofs over SHA-256 (precompile 0x02)
/// @notice Both checks answer false for anything but the one canonical proof (RFC 9162, 2.1.3.2 and 2.1.4.2); they never
/// revert on a bad proof, and revert only on a chain that has no SHA-256 precompile.
/// @dev A proof binds `index` but never `size`: trees of the same shape share proofs. Callers MUST take (size, root) from
/// storage or from a signed message, never from whoever brings the proof.
library Rfc6962 {
    /// @notice The SHA-256 precompile gave no answer.
    error NoSha256();

    /// @dev SHA-256 of nothing.
    bytes32 internal constant EMPTY_ROOT = 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855;

    /// @notice SHA-256(0x00 || entry), RFC 6962 section 2.1.
    function leafHash(bytes calldata entry) internal view returns (bytes32 hash) {
        bool ok;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore8(m, 0)
            calldatacopy(add(m, 1), entry.offset, entry.length)
            // Yul evaluates arguments from the right: first the call, then the size of its answer. A call to a missing
            // precompile succeeds and returns nothing, which is why the size counts.
            ok := and(eq(returndatasize(), 0x20), staticcall(gas(), 2, m, add(entry.length, 1), 0, 0x20))
            hash := mload(0)
        }
        if (!ok) revert NoSha256();
    }

    /// @notice Whether `leaf` is entry `index` of the tree of `size` entries under `root`.
    function verifyInclusion(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        unchecked {
            // Up to where the path meets that of the last leaf a bit of the index tells the side; above it every
            // sibling is a left one. A wrong number of siblings would let an inner node pass as a leaf.
            uint256 inner = _bitLength(uint256(index) ^ (uint256(size) - 1));
            if (proof.length != inner + _popCount(uint256(index) >> inner)) return false;
            return _fold(leaf, uint256(index) | (type(uint256).max << inner), proof) == root;
        }
    }

    /// @notice Whether the tree of `size2` entries under `root2` begins with the `size1` entries under `root1`.
    function verifyConsistency(uint64 size1, uint64 size2, bytes32[] calldata proof, bytes32 root1, bytes32 root2)
        internal
        view
        returns (bool)
    {
        if (size1 > size2) return false;
        if (size1 == size2) return proof.length == 0 && root1 == root2 && (size1 != 0 || root1 == EMPTY_ROOT);
        if (size1 == 0) return proof.length == 0 && root1 == EMPTY_ROOT;
        unchecked {
            uint256 mask = uint256(size1) - 1;
            uint256 shift = _bitLength(uint256(size1) ^ mask) - 1; // trailing zeros of size1
            uint256 inner = _bitLength(mask ^ (uint256(size2) - 1)) - shift;
            mask >>= shift;
            uint256 seeds = mask == 0 ? 0 : 1; // a power of two starts from root1, any other size from the proof's first
            if (proof.length != seeds + inner + _popCount(mask >> inner)) return false;
            mask |= type(uint256).max << inner;
            if (seeds == 0) return _foldBoth(root1, mask, proof, root1, root2);
            return _foldBoth(proof[0], mask, proof[1:], root1, root2);
        }
    }

    /// @dev Bit i of `mask` set: sibling i is on the left.
    function _fold(bytes32 hash, uint256 mask, bytes32[] calldata proof) private view returns (bytes32) {
        bool ok = true;
        assembly ("memory-safe") {
            let m := mload(0x40) // 01 || left || right, in the free memory
            mstore8(m, 1)
            let end := add(proof.offset, shl(5, proof.length))
            for { let p := proof.offset } lt(p, end) { p := add(p, 0x20) } {
                let bit := shl(5, and(mask, 1))
                mstore(add(add(m, 1), bit), hash)
                mstore(sub(add(m, 0x21), bit), calldataload(p))
                ok := and(ok, and(eq(returndatasize(), 0x20), staticcall(gas(), 2, m, 0x41, 0, 0x20)))
                hash := mload(0)
                mask := shr(1, mask)
            }
        }
        if (!ok) revert NoSha256();
        return hash;
    }

    /// @dev Folds the old and the new root at once: a left sibling belongs to both trees, a right one to the newer only.
    function _foldBoth(bytes32 newer, uint256 mask, bytes32[] calldata proof, bytes32 root1, bytes32 root2)
        private
        view
        returns (bool)
    {
        bytes32 older = newer;
        bool ok = true;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore8(m, 1)
            let end := add(proof.offset, shl(5, proof.length))
            for { let p := proof.offset } lt(p, end) { p := add(p, 0x20) } {
                switch and(mask, 1)
                case 0 {
                    mstore(add(m, 1), newer)
                    mstore(add(m, 0x21), calldataload(p))
                }
                default {
                    mstore(add(m, 1), calldataload(p))
                    mstore(add(m, 0x21), older)
                    ok := and(ok, and(eq(returndatasize(), 0x20), staticcall(gas(), 2, m, 0x41, 0, 0x20)))
                    older := mload(0)
                    mstore(add(m, 0x21), newer)
                }
                ok := and(ok, and(eq(returndatasize(), 0x20), staticcall(gas(), 2, m, 0x41, 0, 0x20)))
                newer := mload(0)
                mask := shr(1, mask)
            }
        }
        if (!ok) revert NoSha256();
        return older == root1 && newer == root2;
    }

    /// @dev Position of the highest set bit, counted from one; `x` is below 2^64.
    function _bitLength(uint256 x) private pure returns (uint256 n) {
        assembly ("memory-safe") {
            n := shl(5, lt(0xffffffff, x))
            n := or(n, shl(4, lt(0xffff, shr(n, x))))
            n := or(n, shl(3, lt(0xff, shr(n, x))))
            n := or(n, shl(2, lt(0xf, shr(n, x))))
            // four bits are left: their bit length from a table of nibbles
            n := add(n, and(shr(shl(2, shr(n, x)), 0x4444444433332210), 0xf))
        }
    }

    /// @dev Number of set bits; `x` is below 2^64.
    function _popCount(uint256 x) private pure returns (uint256 n) {
        unchecked {
            x -= (x >> 1) & 0x5555555555555555;
            x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
            n = (((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56) & 0xff;
        }
    }
}
