// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {WarmStorageConsent} from "./WarmStorageConsent.sol";

/// @title Metadata of data sets and pieces
/// @notice Short public notes that the client signed with. A client finds its data set again by them.
abstract contract WarmStorageMetadata is WarmStorageConsent {
    error MetadataKeyAndValueLengthMismatch(uint256 keysLength, uint256 valuesLength);
    error TooManyMetadataKeys(uint256 maxAllowed, uint256 keysLength);
    error DuplicateMetadataKey(uint256 dataSetId, string key);
    error MetadataKeyExceedsMaxLength(uint256 index, uint256 maxAllowed, uint256 length);
    error MetadataValueExceedsMaxLength(uint256 index, uint256 maxAllowed, uint256 length);

    uint256 internal constant MAX_KEYS_PER_DATASET = 10;
    uint256 internal constant MAX_KEYS_PER_PIECE = 5;
    uint256 private constant MAX_KEY_LENGTH = 32;
    uint256 private constant MAX_VALUE_LENGTH = 128;

    mapping(uint256 dataSetId => Metadata) private _dataSetMetadata;
    mapping(uint256 dataSetId => mapping(uint256 pieceId => Metadata)) private _pieceMetadata;

    function dataSetMetadata(uint256 dataSetId) external view returns (string[] memory keys, string[] memory values) {
        return (_dataSetMetadata[dataSetId].keys, _dataSetMetadata[dataSetId].values);
    }

    function pieceMetadata(uint256 dataSetId, uint256 pieceId)
        external
        view
        returns (string[] memory keys, string[] memory values)
    {
        return (_pieceMetadata[dataSetId][pieceId].keys, _pieceMetadata[dataSetId][pieceId].values);
    }

    function _storeDataSetMetadata(uint256 dataSetId, Metadata memory metadata) internal {
        _checkMetadata(dataSetId, metadata, MAX_KEYS_PER_DATASET);
        _dataSetMetadata[dataSetId] = metadata;
    }

    function _storePieceMetadata(uint256 dataSetId, uint256 pieceId, Metadata memory metadata) internal {
        _checkMetadata(dataSetId, metadata, MAX_KEYS_PER_PIECE);
        _pieceMetadata[dataSetId][pieceId] = metadata;
    }

    function _checkMetadata(uint256 dataSetId, Metadata memory metadata, uint256 maxKeys) private pure {
        uint256 length = metadata.keys.length;
        if (length != metadata.values.length) revert MetadataKeyAndValueLengthMismatch(length, metadata.values.length);
        if (length > maxKeys) revert TooManyMetadataKeys(maxKeys, length);
        for (uint256 i = 0; i < length; i++) {
            uint256 keyLength = bytes(metadata.keys[i]).length;
            uint256 valueLength = bytes(metadata.values[i]).length;
            if (keyLength > MAX_KEY_LENGTH) revert MetadataKeyExceedsMaxLength(i, MAX_KEY_LENGTH, keyLength);
            if (valueLength > MAX_VALUE_LENGTH) revert MetadataValueExceedsMaxLength(i, MAX_VALUE_LENGTH, valueLength);
            for (uint256 j = 0; j < i; j++) {
                if (keccak256(bytes(metadata.keys[i])) == keccak256(bytes(metadata.keys[j]))) {
                    revert DuplicateMetadataKey(dataSetId, metadata.keys[i]);
                }
            }
        }
    }
}
