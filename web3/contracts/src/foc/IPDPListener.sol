// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cids} from "./Cids.sol";

/// @title What PDPVerifier tells the service that a data set belongs to
/// @dev A listener that reverts undoes the whole call: it is how a service refuses a data set it has no consent or money for.
interface IPDPListener {
    function dataSetCreated(uint256 dataSetId, address serviceProvider, bytes calldata extraData) external;

    function piecesAdded(uint256 dataSetId, uint256 firstAdded, Cids.Cid[] calldata pieceData, bytes calldata extraData)
        external;

    function piecesScheduledRemove(uint256 dataSetId, uint256[] calldata pieceIds, bytes calldata extraData) external;

    function possessionProven(uint256 dataSetId, uint256 challengedLeafCount, uint256 seed, uint256 challengeCount)
        external;

    function nextProvingPeriod(uint256 dataSetId, uint256 challengeEpoch, uint256 leafCount, bytes calldata extraData)
        external;
}
