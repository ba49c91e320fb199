// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ILogAnchor} from "./ILogAnchor.sol";
import {Rfc6962} from "./Rfc6962.sol";

/// @title Anchors the checkpoints of one transparency log
contract LogAnchor is ILogAnchor, EIP712 {
    bytes32 private constant CHECKPOINT_TYPEHASH = keccak256("Checkpoint(bytes32 origin,uint64 size,bytes32 root)");
    bytes32 private constant SIGNER_SET_TYPEHASH =
        keccak256("SignerSet(bytes32 origin,uint64 nonce,address[] signers,uint32 quorum)");

    /// @inheritdoc ILogAnchor
    bytes32 public immutable origin;
    /// @inheritdoc ILogAnchor
    uint64 public size;
    /// @inheritdoc ILogAnchor
    uint64 public anchoredAt;
    /// @inheritdoc ILogAnchor
    uint64 public signerChanges;
    /// @inheritdoc ILogAnchor
    uint32 public quorum;
    /// @inheritdoc ILogAnchor
    mapping(address account => bool) public isSigner;
    /// @inheritdoc ILogAnchor
    mapping(uint64 size_ => bytes32) public rootOf;
    /// @dev The members of `isSigner`, to take them out again.
    address[] private members;

    constructor(bytes32 origin_, address[] memory signers_, uint32 quorum_) EIP712("Weighbridge LogAnchor", "1") {
        origin = origin_;
        rootOf[0] = Rfc6962.EMPTY_ROOT;
        _setSigners(signers_, quorum_);
    }

    /// @inheritdoc ILogAnchor
    function anchor(uint64 newSize, bytes32 newRoot, bytes32[] calldata proof, bytes[] calldata signatures) external {
        uint64 oldSize = size;
        if (newSize <= oldSize) revert NotNewer(newSize, oldSize);
        if (!Rfc6962.verifyConsistency(oldSize, newSize, proof, rootOf[oldSize], newRoot)) {
            revert Fork(oldSize, newSize);
        }
        _checkQuorum(keccak256(abi.encode(CHECKPOINT_TYPEHASH, origin, newSize, newRoot)), signatures);
        size = newSize;
        anchoredAt = uint64(block.timestamp);
        rootOf[newSize] = newRoot;
        emit Anchored(newSize, newRoot);
    }

    /// @inheritdoc ILogAnchor
    function changeSigners(address[] calldata newSigners, uint32 newQuorum, bytes[] calldata signatures) external {
        bytes32 list = keccak256(abi.encodePacked(newSigners));
        _checkQuorum(keccak256(abi.encode(SIGNER_SET_TYPEHASH, origin, signerChanges, list, newQuorum)), signatures);
        signerChanges++;
        for (uint256 i = 0; i < members.length; i++) {
            isSigner[members[i]] = false;
        }
        _setSigners(newSigners, newQuorum);
    }

    /// @inheritdoc ILogAnchor
    function signers() external view returns (address[] memory) {
        return members;
    }

    /// @dev More than half: any two quorums share a member, and an honest member sees both of two views.
    function _setSigners(address[] memory signers_, uint32 quorum_) private {
        if (quorum_ > signers_.length || uint256(quorum_) * 2 <= signers_.length) revert BadSigners();
        for (uint256 i = 0; i < signers_.length; i++) {
            if (signers_[i] == address(0) || isSigner[signers_[i]]) revert BadSigners();
            isSigner[signers_[i]] = true;
        }
        members = signers_;
        quorum = quorum_;
        emit SignersChanged(signerChanges, signers_, quorum_);
    }

    /// @dev Ascending addresses, so that one signer cannot count twice.
    function _checkQuorum(bytes32 structHash, bytes[] calldata signatures) private view {
        if (signatures.length < quorum) revert NoQuorum(signatures.length, quorum);
        bytes32 digest = _hashTypedDataV4(structHash);
        address last = address(0);
        for (uint256 i = 0; i < signatures.length; i++) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError || signer <= last || !isSigner[signer]) revert BadSignature(i);
            last = signer;
        }
    }
}
