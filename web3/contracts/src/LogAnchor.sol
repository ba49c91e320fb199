// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ILogAnchor} from "./ILogAnchor.sol";
import {Rfc6962} from "./Rfc6962.sol";

/// @title Anchors the checkpoints of one transparency log
contract LogAnchor is ILogAnchor, EIP712 {
    bytes32 private constant CHECKPOINT_TYPEHASH = keccak256("Checkpoint(bytes32 origin,uint64 size,bytes32 root)");

    /// @inheritdoc ILogAnchor
    bytes32 public immutable origin;
    /// @inheritdoc ILogAnchor
    uint256 public immutable quorum;
    /// @inheritdoc ILogAnchor
    mapping(address account => bool) public isSigner;
    /// @inheritdoc ILogAnchor
    uint64 public size;
    /// @inheritdoc ILogAnchor
    uint64 public anchoredAt;
    /// @inheritdoc ILogAnchor
    mapping(uint64 size_ => bytes32) public rootOf;

    constructor(bytes32 origin_, address[] memory signers, uint256 quorum_) EIP712("Weighbridge LogAnchor", "1") {
        if (quorum_ == 0 || quorum_ > signers.length) revert BadSigners();
        origin = origin_;
        quorum = quorum_;
        for (uint256 i = 0; i < signers.length; i++) {
            if (signers[i] == address(0) || isSigner[signers[i]]) revert BadSigners();
            isSigner[signers[i]] = true;
        }
        rootOf[0] = Rfc6962.EMPTY_ROOT;
    }

    /// @inheritdoc ILogAnchor
    function anchor(uint64 newSize, bytes32 newRoot, bytes32[] calldata proof, bytes[] calldata signatures) external {
        uint64 oldSize = size;
        if (newSize <= oldSize) revert NotNewer(newSize, oldSize);
        if (!Rfc6962.verifyConsistency(oldSize, newSize, proof, rootOf[oldSize], newRoot)) {
            revert Fork(oldSize, newSize);
        }
        _checkQuorum(_hashTypedDataV4(keccak256(abi.encode(CHECKPOINT_TYPEHASH, origin, newSize, newRoot))), signatures);
        size = newSize;
        anchoredAt = uint64(block.timestamp);
        rootOf[newSize] = newRoot;
        emit Anchored(newSize, newRoot);
    }

    /// @dev Ascending addresses, so that one signer cannot count twice.
    function _checkQuorum(bytes32 digest, bytes[] calldata signatures) private view {
        if (signatures.length < quorum) revert NoQuorum(signatures.length, quorum);
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; i++) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError || signer <= last || !isSigner[signer]) revert BadSignature(i);
            last = signer;
        }
    }
}
