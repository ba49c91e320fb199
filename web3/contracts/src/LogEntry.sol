// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The header line of a log entry
/// @notice Every entry begins `weighbridge/v1 <type> <64 lower-case hex digits>\n`; for a given type each part stands at
/// a fixed place, so a contract reads what an entry is about without parsing its JSON.
library LogEntry {
    uint256 private constant DIGITS = 64;

    /// @notice Whether `entry` is a record of the wanted type about `commitment`, with something after its header.
    /// @param prefix "weighbridge/v1 <type> ", the trailing space included
    function hasHeader(bytes calldata entry, bytes memory prefix, bytes32 commitment) internal pure returns (bool) {
        uint256 start = prefix.length;
        if (entry.length <= start + DIGITS + 1) return false;
        (bytes32 high, bytes32 low) = hexDigits(commitment);
        return keccak256(entry[:start]) == keccak256(prefix) && bytes32(entry[start:start + 32]) == high
            && bytes32(entry[start + 32:start + DIGITS]) == low && entry[start + DIGITS] == "\n";
    }

    /// @notice The 64 lower-case hex digits of a word, in ASCII.
    function hexDigits(bytes32 word) internal pure returns (bytes32 high, bytes32 low) {
        high = _hex(uint256(word) >> 128);
        low = _hex(uint128(uint256(word)));
    }

    /// @dev 16 bytes to 32 ASCII digits, all lanes at once: halve the lanes until each holds one nibble, then add
    /// '0', and 'a' - '0' - 10 = 0x27 more where the nibble is ten or above (its lane carries into bit 4 when 6 is added).
    function _hex(uint256 x) private pure returns (bytes32) {
        unchecked {
            x = (x | x << 64) & 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
            x = (x | x << 32) & 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
            x = (x | x << 16) & 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
            x = (x | x << 8) & 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
            x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
            uint256 letters = ((x + 0x0606060606060606060606060606060606060606060606060606060606060606) >> 4)
                & 0x0101010101010101010101010101010101010101010101010101010101010101;
            return bytes32(x + 0x3030303030303030303030303030303030303030303030303030303030303030 + letters * 0x27);
        }
    }
}
