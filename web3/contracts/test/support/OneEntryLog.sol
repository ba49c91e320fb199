// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILogAnchor} from "../../src/ILogAnchor.sol";

/// @notice A log of one entry, whatever it is: for the escrow's rules, without a tree for each step.
contract OneEntryLog is ILogAnchor {
    bytes32 private root;

    function set(bytes calldata entry) external {
        root = sha256(abi.encodePacked(bytes1(0), entry));
    }

    function rootOf(uint64 size_) external view returns (bytes32) {
        return size_ == 1 ? root : bytes32(0);
    }

    function size() external pure returns (uint64) {
        return 1;
    }

    function anchor(uint64, bytes32, bytes32[] calldata, bytes[] calldata) external {}
    function anchoredAt() external view returns (uint64) {}
    function origin() external view returns (bytes32) {}
    function quorum() external view returns (uint32) {}
    function signers() external view returns (address[] memory) {}
    function signerChanges() external view returns (uint64) {}
    function changeSigners(address[] calldata, uint32, bytes[] calldata) external {}
    function isSigner(address) external view returns (bool) {}
}
