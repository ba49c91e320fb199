// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Cids} from "./Cids.sol";
import {SessionKeyRegistry} from "./SessionKeyRegistry.sol";

/// @title What a client signs before a provider may act for it
/// @notice The provider sends the transactions; the client only signs. Each signature names a number that it can be used with once.
abstract contract WarmStorageConsent is EIP712 {
    struct Metadata {
        string[] keys;
        string[] values;
    }

    /// @notice The signature is neither the payer's nor one of a session key that the payer let sign this.
    error InvalidSignature(address expected, address actual);
    /// @notice The payer has signed with this number before.
    error ClientDataSetAlreadyRegistered(uint256 clientDataSetId);

    bytes32 private constant METADATA_ENTRY_TYPEHASH = keccak256("MetadataEntry(string key,string value)");
    bytes32 private constant CID_TYPEHASH = keccak256("Cid(bytes data)");
    bytes32 private constant PIECE_METADATA_TYPEHASH =
        keccak256("PieceMetadata(uint256 pieceIndex,MetadataEntry[] metadata)MetadataEntry(string key,string value)");
    bytes32 public constant CREATE_DATA_SET_TYPEHASH = keccak256(
        "CreateDataSet(uint256 clientDataSetId,address payee,MetadataEntry[] metadata)MetadataEntry(string key,string value)"
    );
    bytes32 public constant ADD_PIECES_TYPEHASH = keccak256(
        "AddPieces(uint256 clientDataSetId,uint256 nonce,Cid[] pieceData,PieceMetadata[] pieceMetadata)Cid(bytes data)MetadataEntry(string key,string value)PieceMetadata(uint256 pieceIndex,MetadataEntry[] metadata)"
    );
    bytes32 public constant SCHEDULE_PIECE_REMOVALS_TYPEHASH =
        keccak256("SchedulePieceRemovals(uint256 clientDataSetId,uint256[] pieceIds)");

    SessionKeyRegistry public immutable sessionKeyRegistry;
    /// @notice Numbers that a payer has signed with, and the data set they were used for. Zero: still free.
    mapping(address payer => mapping(uint256 nonce => uint256 dataSetId)) public usedNonces;

    constructor(SessionKeyRegistry sessionKeys) EIP712("FilecoinWarmStorageService", "1") {
        sessionKeyRegistry = sessionKeys;
    }

    function _checkCreate(
        address payer,
        uint256 clientDataSetId,
        address payee,
        Metadata memory metadata,
        bytes memory signature
    ) internal view {
        bytes32 structHash = keccak256(
            abi.encode(CREATE_DATA_SET_TYPEHASH, clientDataSetId, payee, _hashMetadata(metadata))
        );
        _checkSigner(payer, CREATE_DATA_SET_TYPEHASH, structHash, signature);
    }

    function _checkAdd(
        address payer,
        uint256 clientDataSetId,
        uint256 nonce,
        Cids.Cid[] calldata pieces,
        Metadata[] memory metadata,
        bytes memory signature
    ) internal view {
        bytes32[] memory cids = new bytes32[](pieces.length);
        bytes32[] memory entries = new bytes32[](pieces.length);
        for (uint256 i = 0; i < pieces.length; i++) {
            cids[i] = keccak256(abi.encode(CID_TYPEHASH, keccak256(pieces[i].data)));
            entries[i] = keccak256(abi.encode(PIECE_METADATA_TYPEHASH, i, _hashMetadata(metadata[i])));
        }
        bytes32 structHash = keccak256(
            abi.encode(
                ADD_PIECES_TYPEHASH,
                clientDataSetId,
                nonce,
                keccak256(abi.encodePacked(cids)),
                keccak256(abi.encodePacked(entries))
            )
        );
        _checkSigner(payer, ADD_PIECES_TYPEHASH, structHash, signature);
    }

    function _checkRemoval(address payer, uint256 clientDataSetId, uint256[] calldata pieceIds, bytes memory signature)
        internal
        view
    {
        bytes32 structHash = keccak256(
            abi.encode(SCHEDULE_PIECE_REMOVALS_TYPEHASH, clientDataSetId, keccak256(abi.encodePacked(pieceIds)))
        );
        _checkSigner(payer, SCHEDULE_PIECE_REMOVALS_TYPEHASH, structHash, signature);
    }

    /// @dev Stops a provider from using one signature twice: a second data set, or the same pieces billed again.
    function _useNonce(address payer, uint256 nonce, uint256 dataSetId) internal {
        if (usedNonces[payer][nonce] != 0) revert ClientDataSetAlreadyRegistered(nonce);
        usedNonces[payer][nonce] = dataSetId;
    }

    function _checkSigner(address payer, bytes32 permission, bytes32 structHash, bytes memory signature) private view {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(_hashTypedDataV4(structHash), signature);
        if (failure == ECDSA.RecoverError.NoError && signer == payer) return;
        bool delegated = failure == ECDSA.RecoverError.NoError
            && sessionKeyRegistry.authorizationExpiry(payer, signer, permission) >= block.timestamp;
        if (!delegated) revert InvalidSignature(payer, signer);
    }

    function _hashMetadata(Metadata memory metadata) private pure returns (bytes32) {
        bytes32[] memory entries = new bytes32[](metadata.keys.length);
        for (uint256 i = 0; i < entries.length; i++) {
            entries[i] = keccak256(
                abi.encode(
                    METADATA_ENTRY_TYPEHASH, keccak256(bytes(metadata.keys[i])), keccak256(bytes(metadata.values[i]))
                )
            );
        }
        return keccak256(abi.encodePacked(entries));
    }
}
