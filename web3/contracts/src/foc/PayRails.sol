// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IFilecoinPay, IValidator} from "./IFilecoinPay.sol";
import {IFilecoinPayEvents} from "./IFilecoinPayEvents.sol";
import {PayAccounts} from "./PayAccounts.sol";

/// @title Settlement of FilecoinPay's rails
/// @notice How what was locked becomes the payee's. Locked for a live rail: `rate * lockupPeriod + lockupFixed`, and what accrued at
/// its rates from `settledUpTo` to the payer's `lockupLastSettledAt`. For a terminated one: what accrues until `endEpoch`, and
/// `lockupFixed`.
abstract contract PayRails is PayAccounts, IFilecoinPayEvents {
    struct Rail {
        IFilecoinPay.RailView state;
        bool finalized;
        /// Rates that were in force before the present one, oldest first, from `nextChange`.
        RateChange[] rateChanges;
        uint256 nextChange;
    }

    struct RateChange {
        uint256 rate;
        /// The rate held up to and with this epoch.
        uint256 untilEpoch;
    }

    struct Settlement {
        uint256 settledAmount;
        uint256 netPayeeAmount;
        uint256 operatorCommission;
        uint256 networkFee;
        uint256 settledEpoch;
        string note;
    }

    uint256 public constant COMMISSION_MAX_BPS = 10_000;
    /// @notice The network keeps 1/200 of every payment, rounded up, in this contract's own account.
    uint256 public constant NETWORK_FEE_NUMERATOR = 1;
    uint256 public constant NETWORK_FEE_DENOMINATOR = 200;

    mapping(uint256 railId => Rail) internal _rails;

    function _settle(uint256 railId, uint256 untilEpoch, bool validated)
        internal
        returns (uint256, uint256, uint256, uint256, uint256, string memory)
    {
        IFilecoinPay.RailView storage rail = _active(railId);
        Account storage payer = _settlePayer(rail);
        uint256 limit = rail.endEpoch == 0 ? payer.lockupLastSettledAt : rail.endEpoch;
        if (untilEpoch > limit) untilEpoch = limit;
        Settlement memory total;
        while (rail.settledUpTo < untilEpoch && _settleSegment(railId, rail, untilEpoch, validated, total)) {}
        total.settledEpoch = rail.settledUpTo;
        emit RailSettled(
            railId,
            total.settledAmount,
            total.netPayeeAmount,
            total.operatorCommission,
            total.networkFee,
            total.settledEpoch
        );
        if (rail.endEpoch != 0 && rail.settledUpTo >= rail.endEpoch) _finalize(railId, rail);
        return (
            total.settledAmount,
            total.netPayeeAmount,
            total.operatorCommission,
            total.networkFee,
            total.settledEpoch,
            total.note
        );
    }

    /// @dev Settles the epochs of one rate. @return goOn Whether the segment was settled to its end
    function _settleSegment(
        uint256 railId,
        IFilecoinPay.RailView storage rail,
        uint256 untilEpoch,
        bool validated,
        Settlement memory total
    ) private returns (bool goOn) {
        Rail storage whole = _rails[railId];
        uint256 rate = rail.paymentRate;
        uint256 end = untilEpoch;
        bool queued = whole.nextChange < whole.rateChanges.length;
        if (queued) {
            RateChange memory change = whole.rateChanges[whole.nextChange];
            rate = change.rate;
            if (change.untilEpoch <= untilEpoch) end = change.untilEpoch;
            else queued = false;
        }
        uint256 start = rail.settledUpTo;
        (uint256 amount, uint256 settledTo) = (rate * (end - start), end);
        if (validated && rail.validator != address(0) && amount > 0) {
            (amount, settledTo, total.note) = _validate(railId, rail, amount, start, end, rate);
        }
        rail.settledUpTo = settledTo;
        if (queued && settledTo == end) whole.nextChange++;
        // What the validator did not grant goes back to the payer's free money.
        _release(rail, rate * (settledTo - start));
        (uint256 net, uint256 commission, uint256 fee) = _pay(rail, amount);
        total.settledAmount += amount;
        total.netPayeeAmount += net;
        total.operatorCommission += commission;
        total.networkFee += fee;
        return settledTo == end;
    }

    function _validate(
        uint256 railId,
        IFilecoinPay.RailView storage rail,
        uint256 proposed,
        uint256 start,
        uint256 end,
        uint256 rate
    ) private view returns (uint256, uint256, string memory) {
        IValidator.ValidationResult memory result =
            IValidator(rail.validator).validatePayment(railId, proposed, start, end, rate);
        if (result.settleUpto < start) revert ValidatorSettledBeforeSegmentStart(railId, start, result.settleUpto);
        if (result.settleUpto > end) revert ValidatorSettledBeyondSegmentEnd(railId, end, result.settleUpto);
        uint256 maximum = rate * (result.settleUpto - start);
        if (result.modifiedAmount > maximum) {
            revert ValidatorModifiedAmountExceedsMaximum(railId, maximum, result.modifiedAmount);
        }
        return (result.modifiedAmount, result.settleUpto, result.note);
    }

    /// @dev Moves money between accounts; nothing leaves the contract.
    function _pay(IFilecoinPay.RailView storage rail, uint256 amount)
        internal
        returns (uint256 net, uint256 commission, uint256 fee)
    {
        if (amount == 0) return (0, 0, 0);
        fee = (amount * NETWORK_FEE_NUMERATOR + NETWORK_FEE_DENOMINATOR - 1) / NETWORK_FEE_DENOMINATOR;
        commission = (amount - fee) * rail.commissionRateBps / COMMISSION_MAX_BPS;
        net = amount - fee - commission;
        accounts[rail.token][rail.from].funds -= amount;
        accounts[rail.token][rail.to].funds += net;
        accounts[rail.token][address(this)].funds += fee;
        if (commission > 0) accounts[rail.token][rail.serviceFeeRecipient].funds += commission;
    }

    function _release(IFilecoinPay.RailView storage rail, uint256 amount) private {
        accounts[rail.token][rail.from].lockupCurrent -= amount;
    }

    /// @dev The end of a terminated rail: what was set aside and not used is the payer's again.
    function _finalize(uint256 railId, IFilecoinPay.RailView storage rail) private {
        OperatorApproval storage approval = operatorApprovals[rail.token][rail.from][rail.operator];
        uint256 used = rail.paymentRate * rail.lockupPeriod + rail.lockupFixed;
        approval.lockupUsage = approval.lockupUsage > used ? approval.lockupUsage - used : 0;
        _release(rail, rail.lockupFixed);
        _rails[railId].finalized = true;
        emit RailFinalized(railId);
    }

    function _settlePayer(IFilecoinPay.RailView storage rail) internal returns (Account storage payer) {
        payer = accounts[rail.token][rail.from];
        _settleLockup(rail.token, rail.from, payer);
    }

    function _active(uint256 railId) internal view returns (IFilecoinPay.RailView storage rail) {
        if (_rails[railId].state.from == address(0) || _rails[railId].finalized) revert RailInactiveOrSettled(railId);
        return _rails[railId].state;
    }
}
