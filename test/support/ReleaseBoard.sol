// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Answers `canRelease` as Marketplace does, without the escrow, log and proofs that Marketplace needs for a yes.
contract ReleaseBoard {
    mapping(bytes32 keyId => mapping(address worker => uint256 deadline)) private _deadlines;
    mapping(bytes32 keyId => bool) private _revoked;

    function record(bytes32 keyId, address worker, uint256 deadline) external {
        _deadlines[keyId][worker] = deadline;
    }

    function revoke(bytes32 keyId) external {
        _revoked[keyId] = true;
    }

    function canRelease(bytes32 keyId, address caller) external view returns (bool) {
        return block.timestamp < _deadlines[keyId][caller] && !_revoked[keyId];
    }

    /// What a thief would rather be asked.
    function alwaysTrue(bytes32, address) external pure returns (bool) {
        return true;
    }
}
