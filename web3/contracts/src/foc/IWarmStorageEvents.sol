// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cids} from "./Cids.sol";

/// @title Events and errors of the warm storage service
interface IWarmStorageEvents {
    event DataSetCreated(
        uint256 indexed dataSetId,
        uint256 indexed providerId,
        uint256 pdpRailId,
        uint256 cacheMissRailId,
        uint256 cdnRailId,
        address payer,
        address serviceProvider,
        address payee,
        string[] metadataKeys,
        string[] metadataValues
    );
    event PieceAdded(
        uint256 indexed dataSetId, uint256 indexed pieceId, Cids.Cid pieceCid, string[] keys, string[] values
    );
    event RailRateUpdated(uint256 indexed dataSetId, uint256 railId, uint256 newRate);
    event ServiceTerminated(
        address indexed caller, uint256 indexed dataSetId, uint256 pdpRailId, uint256 cacheMissRailId, uint256 cdnRailId
    );
    event PDPPaymentTerminated(uint256 indexed dataSetId, uint256 endEpoch, uint256 pdpRailId);
    event ProviderApproved(uint256 indexed providerId);
    event ProviderUnapproved(uint256 indexed providerId);
    event ViewContractSet(address indexed viewContract);

    /// @notice Only PDPVerifier may tell of changes.
    error OnlyPDPVerifierAllowed(address expected, address actual);
    /// @notice Only FilecoinPay may tell of its rails.
    error CallerNotPayments(address expected, address actual);
    /// @notice Only the two parties may end the service.
    error CallerNotPayerOrPayee(uint256 dataSetId, address expectedPayer, address expectedPayee, address caller);
    /// @notice A data set of a provider that is in no registry.
    error ProviderNotRegistered(address provider);
    error ProviderAlreadyApproved(uint256 providerId);
    error ProviderNotInApprovedList(uint256 providerId);
    /// @notice The client asks for delivery by CDN, which is not offered.
    error FilBeamServiceNotConfigured(uint256 dataSetId);
    /// @notice Each piece has one list of keys and one of values.
    error MetadataArrayCountMismatch(uint256 metadataArrayCount, uint256 pieceCount);
    error DataSetNotRegistered(uint256 dataSetId);
    /// @notice The service has been ended: nothing more is added.
    error DataSetPaymentAlreadyTerminated(uint256 dataSetId);
    /// @notice The rail pays for no data set.
    error RailNotAssociated(uint256 railId);
    /// @notice The service is ended here (`terminateService`), not at FilecoinPay behind its back.
    error ServiceContractMustTerminateRail();
    /// @notice The payer has not let this service lock its money.
    error OperatorNotApproved(address payer, address operator);
    /// @notice The payer's free money does not cover the least lockup and the fee.
    error InsufficientLockupFunds(address payer, uint256 minimumRequired, uint256 available);
    error AddressAlreadySet(uint8 field);
}
