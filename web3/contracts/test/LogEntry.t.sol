// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {LogEntry} from "../src/LogEntry.sol";

contract LogEntryHarness {
    function hasHeader(bytes calldata entry, bytes calldata prefix, bytes32 digest) external pure returns (bool) {
        return LogEntry.hasHeader(entry, prefix, digest);
    }
}

contract LogEntryTest {
    bytes private constant PREFIX = "weighbridge/v1 access-granted ";
    bytes32 private constant DIGEST = 0x00123456789abcdef0fedcba9876543210aa99ff0a9f90f99a09a90b8c7d6e5f;
    bytes private constant HEADER =
        "weighbridge/v1 access-granted 00123456789abcdef0fedcba9876543210aa99ff0a9f90f99a09a90b8c7d6e5f\n";

    LogEntryHarness private h = new LogEntryHarness();

    function test_hasHeader_succeeds() external view {
        require(h.hasHeader(bytes.concat(HEADER, "{}"), PREFIX, DIGEST));
        require(h.hasHeader(bytes.concat(HEADER, "{"), PREFIX, DIGEST), "one byte is something");
    }

    function test_hasHeader_withoutABody_isRefused() external view {
        require(!h.hasHeader(HEADER, PREFIX, DIGEST));
    }

    /// @dev Byte by byte: every other value of every byte, the space, the digits' case and the newline among them.
    function test_hasHeader_withAnyByteChanged_isRefused() external view {
        bytes memory entry = bytes.concat(HEADER, "{}");
        for (uint256 i = 0; i < HEADER.length; i++) {
            bytes1 right = entry[i];
            for (uint256 wrong = 0; wrong < 256; wrong += i % 8 == 0 ? 1 : 17) {
                if (uint8(right) == wrong) continue;
                entry[i] = bytes1(uint8(wrong));
                require(!h.hasHeader(entry, PREFIX, DIGEST));
            }
            entry[i] = right ^ 0x20; // the other case of a letter
            require(!h.hasHeader(entry, PREFIX, DIGEST), "case");
            entry[i] = right;
        }
        require(h.hasHeader(entry, PREFIX, DIGEST), "put back");
    }

    function test_hasHeader_cutShortAnywhere_isRefused() external view {
        bytes memory entry = bytes.concat(HEADER, "{}");
        for (uint256 length = 0; length <= HEADER.length; length++) {
            assembly ("memory-safe") {
                mstore(entry, length)
            }
            require(!h.hasHeader(entry, PREFIX, DIGEST));
        }
    }

    function test_hasHeader_ofAnotherType_isRefused() external view {
        bytes memory entry = bytes.concat(HEADER, "{}");
        require(!h.hasHeader(entry, "weighbridge/v1 training-completed ", DIGEST));
        require(!h.hasHeader(entry, "weighbridge/v1 access-grante", DIGEST));
        require(!h.hasHeader(entry, "weighbridge/v1 access-granted  ", DIGEST));
    }

    function test_fuzz_hexDigits(bytes32 word) external pure {
        (bytes32 high, bytes32 low) = LogEntry.hexDigits(word);
        bytes memory digits = "0123456789abcdef";
        for (uint256 i = 0; i < 64; i++) {
            bytes1 expected = digits[uint8(word[i / 2]) >> (i % 2 == 0 ? 4 : 0) & 0xf];
            require((i < 32 ? high[i] : low[i - 32]) == expected);
        }
    }
}
