// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Cids} from "./Cids.sol";
import {IFilecoinPay, IValidator} from "./IFilecoinPay.sol";
import {IPDPListener} from "./IPDPListener.sol";
import {PDPVerifier} from "./PDPVerifier.sol";
import {ServiceProviderRegistry} from "./ServiceProviderRegistry.sol";
import {SessionKeyRegistry} from "./SessionKeyRegistry.sol";
import {WarmStorageConsent} from "./WarmStorageConsent.sol";
import {WarmStorageMetadata} from "./WarmStorageMetadata.sol";
import {WarmStoragePayments} from "./WarmStoragePayments.sol";
import {WarmStorageProving} from "./WarmStorageProving.sol";
import {WarmStorageTerms} from "./WarmStorageTerms.sol";

/// @title Warm storage: a data set that a client consented to and pays for while it is proven
/// @notice PDPVerifier tells this contract of every change to a data set, and it refuses what the client did not sign or cannot pay.
/// @dev Written from the published ABI of FilecoinWarmStorageService 1.2.0, without its source. CDN delivery, commissions, price
/// changes and upgrades are not offered; calls to them revert.
contract FilecoinWarmStorageService is
    Ownable,
    WarmStoragePayments,
    WarmStorageMetadata,
    WarmStorageProving,
    IPDPListener,
    IValidator
{
    using EnumerableSet for EnumerableSet.UintSet;

    struct DataSet {
        uint256 pdpRailId;
        address payer;
        address payee;
        address serviceProvider;
        uint256 clientDataSetId;
        /// Zero while the service goes on.
        uint256 pdpEndEpoch;
        uint256 providerId;
    }

    /// @dev What a client signs to create a data set.
    struct CreateRequest {
        address payer;
        uint256 clientDataSetId;
        Metadata metadata;
        bytes signature;
    }

    string public constant VERSION = "1.2.0";
    PDPVerifier private immutable PDP;
    ServiceProviderRegistry public immutable serviceProviderRegistry;

    /// @notice Reads this contract for clients; set once.
    address public viewContractAddress;
    mapping(uint256 dataSetId => DataSet) public dataSets;
    mapping(uint256 railId => uint256 dataSetId) public railToDataSet;
    mapping(address payer => uint256[]) private _dataSetsOf;
    EnumerableSet.UintSet private _approved;

    constructor(
        PDPVerifier pdp,
        IFilecoinPay pay,
        address usdfc,
        ServiceProviderRegistry providers,
        SessionKeyRegistry sessionKeys,
        uint64 provingPeriod,
        uint256 challengeWindow
    )
        Ownable(msg.sender)
        WarmStorageTerms(usdfc)
        WarmStoragePayments(pay)
        WarmStorageConsent(sessionKeys)
        WarmStorageProving(provingPeriod, challengeWindow)
    {
        PDP = pdp;
        serviceProviderRegistry = providers;
    }

    modifier onlyPdpVerifier() {
        if (msg.sender != address(PDP)) revert OnlyPDPVerifierAllowed(address(PDP), msg.sender);
        _;
    }

    function pdpVerifierAddress() external view returns (address) {
        return address(PDP);
    }

    function dataSetsOf(address payer) external view returns (uint256[] memory) {
        return _dataSetsOf[payer];
    }

    /// @notice Providers that this service recommends; the SDK chooses among them.
    function approvedProviders() external view returns (uint256[] memory) {
        return _approved.values();
    }

    function setViewContract(address viewContract) external onlyOwner {
        if (viewContractAddress != address(0)) revert AddressAlreadySet(0);
        viewContractAddress = viewContract;
        emit ViewContractSet(viewContract);
    }

    function addApprovedProvider(uint256 providerId) external onlyOwner {
        if (!_approved.add(providerId)) revert ProviderAlreadyApproved(providerId);
        emit ProviderApproved(providerId);
    }

    /// @dev The second argument is the place in upstream's list; a set needs none.
    function removeApprovedProvider(uint256 providerId, uint256) external onlyOwner {
        if (!_approved.remove(providerId)) revert ProviderNotInApprovedList(providerId);
        emit ProviderUnapproved(providerId);
    }

    /// @inheritdoc IPDPListener
    function dataSetCreated(uint256 dataSetId, address serviceProvider, bytes calldata extraData)
        external
        onlyPdpVerifier
    {
        CreateRequest memory request = _decodeCreate(extraData);
        uint256 providerId = serviceProviderRegistry.getProviderIdByAddress(serviceProvider);
        if (providerId == 0) revert ProviderNotRegistered(serviceProvider);
        _useNonce(request.payer, request.clientDataSetId, dataSetId);
        _storeDataSetMetadata(dataSetId, request.metadata);
        _refuseCdn(dataSetId, request.metadata.keys);
        _checkCreate(request.payer, request.clientDataSetId, serviceProvider, request.metadata, request.signature);
        address payee = serviceProviderRegistry.getProviderPayee(providerId);
        uint256 railId = _openRails(request.payer, payee, PDP.USDFC_SYBIL_FEE());
        dataSets[dataSetId] =
            DataSet(railId, request.payer, payee, serviceProvider, request.clientDataSetId, 0, providerId);
        railToDataSet[railId] = dataSetId;
        _dataSetsOf[request.payer].push(dataSetId);
        _emitCreated(dataSetId, dataSets[dataSetId], request.metadata);
    }

    /// @inheritdoc IPDPListener
    function piecesAdded(uint256 dataSetId, uint256 firstAdded, Cids.Cid[] calldata pieceData, bytes calldata extraData)
        external
        onlyPdpVerifier
    {
        DataSet storage set = _active(dataSetId);
        (uint256 nonce, string[][] memory keys, string[][] memory values, bytes memory signature) =
            abi.decode(extraData, (uint256, string[][], string[][], bytes));
        if (keys.length != pieceData.length || values.length != pieceData.length) {
            revert MetadataArrayCountMismatch(keys.length, pieceData.length);
        }
        _useNonce(set.payer, nonce, dataSetId);
        Metadata[] memory metadata = new Metadata[](pieceData.length);
        for (uint256 i = 0; i < pieceData.length; i++) {
            metadata[i] = Metadata(keys[i], values[i]);
            _storePieceMetadata(dataSetId, firstAdded + i, metadata[i]);
            emit PieceAdded(dataSetId, firstAdded + i, pieceData[i], keys[i], values[i]);
        }
        _checkAdd(set.payer, set.clientDataSetId, nonce, pieceData, metadata, signature);
        _updateRateOf(dataSetId, PDP.getDataSetLeafCount(dataSetId));
    }

    /// @inheritdoc IPDPListener
    function piecesScheduledRemove(uint256 dataSetId, uint256[] calldata pieceIds, bytes calldata extraData)
        external
        view
        onlyPdpVerifier
    {
        DataSet storage set = _active(dataSetId);
        _checkRemoval(set.payer, set.clientDataSetId, pieceIds, abi.decode(extraData, (bytes)));
    }

    /// @inheritdoc IPDPListener
    function possessionProven(uint256 dataSetId, uint256, uint256, uint256 challengeCount) external onlyPdpVerifier {
        _recordProof(dataSetId, challengeCount);
    }

    /// @inheritdoc IPDPListener
    function nextProvingPeriod(uint256 dataSetId, uint256 challengeEpoch, uint256 leafCount, bytes calldata)
        external
        onlyPdpVerifier
    {
        _startPeriod(dataSetId, challengeEpoch, leafCount);
        if (dataSets[dataSetId].pdpEndEpoch == 0) _updateRateOf(dataSetId, leafCount);
    }

    /// @notice Ends a data set's service: the provider is paid for the lockup period more, and may then drop it.
    function terminateService(uint256 dataSetId) external {
        DataSet storage set = _active(dataSetId);
        if (msg.sender != set.payer && msg.sender != set.payee) {
            revert CallerNotPayerOrPayee(dataSetId, set.payer, set.payee, msg.sender);
        }
        PAY.terminateRail(set.pdpRailId);
        emit ServiceTerminated(msg.sender, dataSetId, set.pdpRailId, 0, 0);
    }

    /// @inheritdoc IValidator
    function railTerminated(uint256 railId, address terminator, uint256 endEpoch) external {
        if (msg.sender != address(PAY)) revert CallerNotPayments(address(PAY), msg.sender);
        if (terminator != address(this)) revert ServiceContractMustTerminateRail();
        uint256 dataSetId = railToDataSet[railId];
        if (dataSetId == 0) return; // the rail of a fee, ended in the transaction that made it
        dataSets[dataSetId].pdpEndEpoch = endEpoch;
        emit PDPPaymentTerminated(dataSetId, endEpoch, railId);
    }

    /// @inheritdoc IValidator
    function validatePayment(uint256 railId, uint256 proposedAmount, uint256 fromEpoch, uint256 toEpoch, uint256)
        external
        view
        returns (ValidationResult memory result)
    {
        uint256 dataSetId = railToDataSet[railId];
        if (dataSetId == 0) revert RailNotAssociated(railId);
        return _earned(dataSetId, proposedAmount, fromEpoch, toEpoch);
    }

    function _decodeCreate(bytes calldata extraData) private pure returns (CreateRequest memory request) {
        (request.payer, request.clientDataSetId, request.metadata.keys, request.metadata.values, request.signature) =
            abi.decode(extraData, (address, uint256, string[], string[], bytes));
    }

    function _emitCreated(uint256 dataSetId, DataSet storage set, Metadata memory metadata) private {
        emit DataSetCreated(
            dataSetId,
            set.providerId,
            set.pdpRailId,
            0,
            0,
            set.payer,
            set.serviceProvider,
            set.payee,
            metadata.keys,
            metadata.values
        );
    }

    function _updateRateOf(uint256 dataSetId, uint256 leafCount) private {
        _updateRate(dataSetId, dataSets[dataSetId].pdpRailId, leafCount);
    }

    function _refuseCdn(uint256 dataSetId, string[] memory keys) private pure {
        for (uint256 i = 0; i < keys.length; i++) {
            if (keccak256(bytes(keys[i])) == keccak256("withCDN")) revert FilBeamServiceNotConfigured(dataSetId);
        }
    }

    function _active(uint256 dataSetId) private view returns (DataSet storage set) {
        set = dataSets[dataSetId];
        if (set.pdpRailId == 0) revert DataSetNotRegistered(dataSetId);
        if (set.pdpEndEpoch != 0) revert DataSetPaymentAlreadyTerminated(dataSetId);
    }
}
