// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Piece CIDs, version 2 (FRC-0069)
/// @notice A piece CID names the bytes of a piece by the root of their fr32-padded SHA-256 tree, and says how many bytes there
/// are: CIDv1, raw codec, multihash 0x1011 over `varint(padding) || height || root`.
library Cids {
    /// @notice A CID as it travels in calls, events and signatures.
    struct Cid {
        bytes data;
    }

    /// @notice What a piece CID says.
    struct Piece {
        /// Bytes of the piece before fr32 padding.
        uint256 rawBytes;
        /// Height of the tree; leaves of 32 bytes are at height 0.
        uint256 height;
        bytes32 root;
    }

    /// @notice Not a piece CID v2 in its one canonical form.
    error MalformedPieceCid();

    uint256 internal constant LEAF_BYTES = 32;
    /// @dev CIDv1, raw, multihash code 0x1011 as varint.
    bytes4 private constant PREFIX = 0x01559120;
    uint256 private constant ROOT_BYTES = 32;
    /// @dev The least tree is one quad: 127 raw bytes, four leaves.
    uint256 private constant MIN_HEIGHT = 2;

    function parse(bytes memory cid) internal pure returns (Piece memory piece) {
        uint256 length = cid.length;
        // forge-lint: disable-next-line(unsafe-typecast)
        if (length < 39 || bytes4(cid) != PREFIX || uint8(cid[4]) != length - 5) revert MalformedPieceCid();
        uint256 heightAt = length - ROOT_BYTES - 1;
        uint256 padding = _varint(cid, 5, heightAt);
        piece.height = uint8(cid[heightAt]);
        if (piece.height < MIN_HEIGHT || piece.height > 64) revert MalformedPieceCid();
        uint256 capacity = 127 * 2 ** (piece.height - MIN_HEIGHT);
        if (padding >= capacity) revert MalformedPieceCid();
        piece.rawBytes = capacity - padding;
        bytes32 root;
        assembly ("memory-safe") {
            root := mload(add(cid, length))
        }
        piece.root = root;
    }

    /// @notice Leaves that hold any byte of the piece: 127 raw bytes fill four.
    function leafCount(Piece memory piece) internal pure returns (uint256) {
        return (piece.rawBytes * 4 + 126) / 127;
    }

    /// @dev Unsigned LEB128 that ends exactly at `end`, in its shortest form.
    function _varint(bytes memory data, uint256 start, uint256 end) private pure returns (uint256 value) {
        if (end - start > 9) revert MalformedPieceCid();
        for (uint256 i = start; i < end; i++) {
            uint256 group = uint8(data[i]);
            bool more = group & 0x80 != 0;
            if (more != (i + 1 < end)) revert MalformedPieceCid();
            if (!more && group == 0 && i > start) revert MalformedPieceCid();
            value |= (group & 0x7f) << (7 * (i - start));
        }
    }
}
