// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IFilecoinPay} from "./IFilecoinPay.sol";
import {IWarmStorageEvents} from "./IWarmStorageEvents.sol";
import {WarmStorageTerms} from "./WarmStorageTerms.sol";

/// @title The rails of the warm storage service
/// @notice Each data set has a rail of its own from its client to its provider, at the rate that its size asks for.
abstract contract WarmStoragePayments is WarmStorageTerms, IWarmStorageEvents {
    IFilecoinPay internal immutable PAY;

    constructor(IFilecoinPay pay) {
        PAY = pay;
    }

    function paymentsContractAddress() external view returns (address) {
        return address(PAY);
    }

    /// @dev Opens the rail to the payee, and pays the fee of a new data set into the pool of FilecoinPay.
    function _openRails(address payer, address payee, uint256 fee) internal returns (uint256 railId) {
        _checkMeans(payer, MINIMUM_PRICE_PER_MONTH / EPOCHS_PER_MONTH * LOCKUP_PERIOD + fee);
        railId = PAY.createRail(usdfcTokenAddress, payer, payee, address(this), 0, address(0));
        PAY.modifyRailLockup(railId, LOCKUP_PERIOD, 0);
        uint256 feeRail = PAY.createRail(usdfcTokenAddress, payer, address(PAY), address(0), 0, address(0));
        PAY.modifyRailLockup(feeRail, 0, fee);
        PAY.modifyRailPayment(feeRail, 0, fee);
        PAY.terminateRail(feeRail);
    }

    function _updateRate(uint256 dataSetId, uint256 railId, uint256 leafCount) internal {
        uint256 rate = calculateRatePerEpoch(leafCount * LEAF_BYTES);
        if (PAY.getRail(railId).paymentRate == rate) return;
        PAY.modifyRailPayment(railId, rate, 0);
        emit RailRateUpdated(dataSetId, railId, rate);
    }

    /// @dev Says what is missing in the client's words; FilecoinPay would refuse it too, in its own.
    function _checkMeans(address payer, uint256 minimum) private view {
        (bool approved,,,,,) = PAY.operatorApprovals(usdfcTokenAddress, payer, address(this));
        if (!approved) revert OperatorNotApproved(payer, address(this));
        (,, uint256 available,) = PAY.getAccountInfoIfSettled(usdfcTokenAddress, payer);
        if (available < minimum) revert InsufficientLockupFunds(payer, minimum, available);
    }
}
