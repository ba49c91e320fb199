// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FilecoinWarmStorageService} from "./FilecoinWarmStorageService.sol";

/// @title What clients read of the warm storage service
/// @notice A contract of its own, so that reading does not use up the service's code size.
contract FilecoinWarmStorageServiceStateView {
    struct DataSetInfoView {
        uint256 pdpRailId;
        uint256 cacheMissRailId;
        uint256 cdnRailId;
        address payer;
        address payee;
        address serviceProvider;
        uint256 commissionBps;
        uint256 clientDataSetId;
        uint256 pdpEndEpoch;
        uint256 providerId;
        uint256 dataSetId;
    }

    /// @notice There is no proving period to speak of.
    error ProvingPeriodNotInitialized(uint256 dataSetId);

    uint256 private constant LEAF_BYTES = 32;
    FilecoinWarmStorageService public immutable service;

    constructor(FilecoinWarmStorageService service_) {
        service = service_;
    }

    /// @notice All zeros for a data set that does not exist: a rail id of zero says so.
    function getDataSet(uint256 dataSetId) public view returns (DataSetInfoView memory info) {
        (
            info.pdpRailId,
            info.payer,
            info.payee,
            info.serviceProvider,
            info.clientDataSetId,
            info.pdpEndEpoch,
            info.providerId
        ) = service.dataSets(dataSetId);
        info.dataSetId = dataSetId;
    }

    /// @return status 0 not found, 1 active, 2 terminating
    function getDataSetStatus(uint256 dataSetId) external view returns (uint8 status) {
        DataSetInfoView memory info = getDataSet(dataSetId);
        if (info.pdpRailId == 0) return 0;
        return info.pdpEndEpoch == 0 ? 1 : 2;
    }

    function getClientDataSets(address client) external view returns (DataSetInfoView[] memory infos) {
        return getClientDataSets(client, 0, 0);
    }

    /// @param limit Zero for all
    function getClientDataSets(address client, uint256 offset, uint256 limit)
        public
        view
        returns (DataSetInfoView[] memory infos)
    {
        uint256[] memory ids = clientDataSets(client, offset, limit);
        infos = new DataSetInfoView[](ids.length);
        for (uint256 i = 0; i < ids.length; i++) {
            infos[i] = getDataSet(ids[i]);
        }
    }

    function getClientDataSetsLength(address payer) external view returns (uint256) {
        return service.dataSetsOf(payer).length;
    }

    function clientDataSets(address payer) external view returns (uint256[] memory dataSetIds) {
        return service.dataSetsOf(payer);
    }

    /// @param limit Zero for all
    function clientDataSets(address payer, uint256 offset, uint256 limit)
        public
        view
        returns (uint256[] memory dataSetIds)
    {
        return _page(service.dataSetsOf(payer), offset, limit);
    }

    /// @notice Data set that a payer used a number for; zero while it is free.
    function clientNonces(address payer, uint256 nonce) external view returns (uint256) {
        return service.usedNonces(payer, nonce);
    }

    function getAllDataSetMetadata(uint256 dataSetId)
        external
        view
        returns (string[] memory keys, string[] memory values)
    {
        return service.dataSetMetadata(dataSetId);
    }

    function getDataSetMetadata(uint256 dataSetId, string calldata key)
        external
        view
        returns (bool exists, string memory value)
    {
        (string[] memory keys, string[] memory values) = service.dataSetMetadata(dataSetId);
        return _lookUp(keys, values, key);
    }

    function getAllPieceMetadata(uint256 dataSetId, uint256 pieceId)
        external
        view
        returns (string[] memory keys, string[] memory values)
    {
        return service.pieceMetadata(dataSetId, pieceId);
    }

    function getPieceMetadata(uint256 dataSetId, uint256 pieceId, string calldata key)
        external
        view
        returns (bool exists, string memory value)
    {
        (string[] memory keys, string[] memory values) = service.pieceMetadata(dataSetId, pieceId);
        return _lookUp(keys, values, key);
    }

    /// @param limit Zero for all
    function getApprovedProviders(uint256 offset, uint256 limit) external view returns (uint256[] memory providerIds) {
        return _page(service.approvedProviders(), offset, limit);
    }

    function getApprovedProvidersLength() external view returns (uint256 count) {
        return service.approvedProviders().length;
    }

    function isProviderApproved(uint256 providerId) external view returns (bool) {
        uint256[] memory approved = service.approvedProviders();
        for (uint256 i = 0; i < approved.length; i++) {
            if (approved[i] == providerId) return true;
        }
        return false;
    }

    function getCurrentPricingRates() external view returns (uint256 storagePrice, uint256 minimumRate) {
        return (service.STORAGE_PRICE_PER_TIB_PER_MONTH(), service.MINIMUM_PRICE_PER_MONTH());
    }

    function getDataSetSizeInBytes(uint256 leafCount) external pure returns (uint256) {
        return leafCount * LEAF_BYTES;
    }

    function railToDataSet(uint256 railId) external view returns (uint256) {
        return service.railToDataSet(railId);
    }

    /// @return maxProvingPeriod Epochs in a proving period
    /// @return challengeWindowSize Epochs at its end in which the proof is taken
    /// @return challengesPerProof Leaves in a proof
    /// @return initChallengeWindowStart First challenge epoch that a data set could begin proving with now
    function getPDPConfig()
        external
        view
        returns (
            uint64 maxProvingPeriod,
            uint256 challengeWindowSize,
            uint256 challengesPerProof,
            uint256 initChallengeWindowStart
        )
    {
        maxProvingPeriod = service.maxProvingPeriod();
        challengeWindowSize = service.challengeWindowSize();
        challengesPerProof = service.CHALLENGES_PER_PROOF();
        initChallengeWindowStart = block.number + maxProvingPeriod - challengeWindowSize;
    }

    function provingActivationEpoch(uint256 dataSetId) external view returns (uint256) {
        return service.provingActivationEpoch(dataSetId);
    }

    function provingDeadline(uint256 setId) external view returns (uint256) {
        return service.provingDeadlines(setId);
    }

    function provenThisPeriod(uint256 dataSetId) external view returns (bool) {
        return service.provenThisPeriod(dataSetId);
    }

    function provenPeriods(uint256 dataSetId, uint256 periodId) external view returns (bool) {
        return service.provenPeriods(dataSetId, periodId);
    }

    /// @notice First challenge epoch that the next proving period takes.
    function nextPDPChallengeWindowStart(uint256 setId) external view returns (uint256) {
        if (service.provingDeadlines(setId) == 0) revert ProvingPeriodNotInitialized(setId);
        return service.nextDeadline(setId) - service.challengeWindowSize();
    }

    function _page(uint256[] memory all, uint256 offset, uint256 limit) private pure returns (uint256[] memory page) {
        uint256 available = all.length > offset ? all.length - offset : 0;
        uint256 length = limit == 0 || available < limit ? available : limit;
        page = new uint256[](length);
        for (uint256 i = 0; i < length; i++) {
            page[i] = all[offset + i];
        }
    }

    function _lookUp(string[] memory keys, string[] memory values, string calldata key)
        private
        pure
        returns (bool exists, string memory value)
    {
        for (uint256 i = 0; i < keys.length; i++) {
            if (keccak256(bytes(keys[i])) == keccak256(bytes(key))) return (true, values[i]);
        }
        return (false, "");
    }
}
