// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cids} from "./Cids.sol";
import {SumTree} from "./SumTree.sol";

/// @title Data sets and their pieces, as PDPVerifier keeps them
/// @notice State and the views over it. What changes a data set is in PDPVerifier.
abstract contract PDPDataSets {
    using SumTree for SumTree.Tree;

    /// @notice Where a leaf of a data set lies.
    struct PieceIdAndOffset {
        uint256 pieceId;
        /// Leaf of the piece, counted from 0.
        uint256 offset;
    }

    struct DataSet {
        /// Zero once deleted, and before it exists.
        address storageProvider;
        address listener;
        uint256 leafCount;
        /// Leaves that the next challenge draws from: what was there when the proving period began.
        uint256 challengeRange;
        uint256 nextChallengeEpoch;
        uint256 lastProvenEpoch;
        uint256 activePieces;
        SumTree.Tree leaves;
        mapping(uint256 pieceId => Cids.Cid) pieceCids;
        mapping(uint256 pieceId => uint256) leafCounts;
        mapping(bytes32 cidHash => uint256[]) pieceIdsByCid;
        uint256[] scheduledRemovals;
        mapping(uint256 pieceId => bool) removalScheduled;
    }

    /// @notice `getNextChallengeEpoch` of a data set that has no proving period yet.
    uint256 public constant NO_CHALLENGE_SCHEDULED = 0;
    /// @notice `getDataSetLastProvenEpoch` of a data set that was never proven.
    uint256 public constant NO_PROVEN_EPOCH = 0;

    uint256 internal _dataSetCount;
    mapping(uint256 setId => DataSet) internal _dataSets;

    /// @notice Whether a data set exists and was not deleted.
    function dataSetLive(uint256 setId) public view returns (bool) {
        return _dataSets[setId].storageProvider != address(0);
    }

    /// @notice Whether a piece is in a live data set.
    function pieceLive(uint256 setId, uint256 pieceId) public view returns (bool) {
        return dataSetLive(setId) && _dataSets[setId].leafCounts[pieceId] > 0;
    }

    /// @notice Whether the challenges of this proving period can fall into a piece: it was there when the period began.
    function pieceChallengable(uint256 setId, uint256 pieceId) external view returns (bool) {
        uint256 range = _live(setId).challengeRange;
        if (range == 0 || !pieceLive(setId, pieceId)) return false;
        (uint256 lastPiece,) = _dataSets[setId].leaves.find(range - 1);
        return pieceId <= lastPiece;
    }

    /// @notice Id of the next data set; ids start at 1.
    function getNextDataSetId() external view returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(_dataSetCount + 1); // each data set cost a transaction: 2^64 of them never were
    }

    function getNextPieceId(uint256 setId) external view returns (uint256) {
        return _live(setId).leaves.length;
    }

    function getDataSetLeafCount(uint256 setId) external view returns (uint256) {
        return _live(setId).leafCount;
    }

    function getDataSetListener(uint256 setId) external view returns (address) {
        return _live(setId).listener;
    }

    /// @notice The storage provider, and the one proposed to follow it: always zero, a change is not offered.
    function getDataSetStorageProvider(uint256 setId) external view returns (address, address) {
        return (_live(setId).storageProvider, address(0));
    }

    function getDataSetLastProvenEpoch(uint256 setId) external view returns (uint256) {
        return _live(setId).lastProvenEpoch;
    }

    function getNextChallengeEpoch(uint256 setId) external view returns (uint256) {
        return _live(setId).nextChallengeEpoch;
    }

    function getChallengeRange(uint256 setId) external view returns (uint256) {
        return _live(setId).challengeRange;
    }

    /// @notice Empty bytes for a piece that was removed or never was.
    function getPieceCid(uint256 setId, uint256 pieceId) external view returns (Cids.Cid memory) {
        return _live(setId).pieceCids[pieceId];
    }

    function getPieceLeafCount(uint256 setId, uint256 pieceId) external view returns (uint256) {
        return _live(setId).leafCounts[pieceId];
    }

    function getActivePieceCount(uint256 setId) external view returns (uint256 activeCount) {
        return _live(setId).activePieces;
    }

    function getScheduledRemovals(uint256 setId) external view returns (uint256[] memory) {
        return _live(setId).scheduledRemovals;
    }

    /// @notice Pieces of a data set in the order of their ids, skipping `offset` of them.
    function getActivePieces(uint256 setId, uint256 offset, uint256 limit)
        external
        view
        returns (Cids.Cid[] memory pieces, uint256[] memory pieceIds, bool hasMore)
    {
        DataSet storage set = _live(setId);
        uint256 available = set.activePieces > offset ? set.activePieces - offset : 0;
        uint256 length = available < limit ? available : limit;
        pieces = new Cids.Cid[](length);
        pieceIds = new uint256[](length);
        uint256 skipped = 0;
        uint256 taken = 0;
        for (uint256 pieceId = 0; taken < length; pieceId++) {
            if (set.leafCounts[pieceId] == 0) continue;
            if (skipped < offset) {
                skipped++;
                continue;
            }
            pieces[taken] = set.pieceCids[pieceId];
            pieceIds[taken++] = pieceId;
        }
        hasMore = available > length;
    }

    /// @notice Ids, from `startPieceId` upward, under which a piece was added and not removed.
    function findPieceIdsByCid(uint256 setId, Cids.Cid calldata pieceCid, uint256 startPieceId, uint256 limit)
        external
        view
        returns (uint256[] memory pieceIds)
    {
        DataSet storage set = _live(setId);
        uint256[] storage candidates = set.pieceIdsByCid[keccak256(pieceCid.data)];
        pieceIds = new uint256[](limit < candidates.length ? limit : candidates.length);
        uint256 found = 0;
        for (uint256 i = 0; i < candidates.length && found < pieceIds.length; i++) {
            uint256 pieceId = candidates[i];
            if (pieceId >= startPieceId && set.leafCounts[pieceId] > 0) pieceIds[found++] = pieceId;
        }
        assembly ("memory-safe") {
            mstore(pieceIds, found)
        }
    }

    /// @notice The pieces that leaves of a data set fall into.
    function findPieceIds(uint256 setId, uint256[] calldata leafIndexs)
        external
        view
        returns (PieceIdAndOffset[] memory places)
    {
        places = new PieceIdAndOffset[](leafIndexs.length);
        for (uint256 i = 0; i < leafIndexs.length; i++) {
            places[i] = _placeOf(_live(setId), leafIndexs[i]);
        }
    }

    function _placeOf(DataSet storage set, uint256 leafIndex) internal view returns (PieceIdAndOffset memory place) {
        require(leafIndex < set.leafCount, "Leaf index out of bounds");
        (place.pieceId, place.offset) = set.leaves.find(leafIndex);
    }

    /// @dev The SDK tells this state by its text.
    function _live(uint256 setId) internal view returns (DataSet storage) {
        require(dataSetLive(setId), "Data set not live");
        return _dataSets[setId];
    }
}
