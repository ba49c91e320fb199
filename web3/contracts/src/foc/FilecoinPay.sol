// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IFilecoinPay, IValidator} from "./IFilecoinPay.sol";
import {PayRails} from "./PayRails.sol";

/// @title Payment rails
/// @notice A rail pays one account from another at a rate per epoch, under an operator that the payer approved. The payer's
/// account always holds the pay of the rail's lockup period, so the payee is paid for that long after the payer stops.
/// @dev Written from the published ABI of FilecoinPay 1, without its source. The fee auction, native FIL and EIP-3009 deposits are
/// not offered; calls to them revert.
contract FilecoinPay is PayRails {
    struct RailInfo {
        uint256 railId;
        bool isTerminated;
        uint256 endEpoch;
    }

    uint256 private _railCount;
    mapping(address payer => mapping(address token => uint256[])) private _payerRails;
    mapping(address payee => mapping(address token => uint256[])) private _payeeRails;

    /// @notice Makes a rail at rate zero. The caller is its operator and must be approved by the payer.
    function createRail(
        address token,
        address from,
        address to,
        address validator,
        uint256 commissionRateBps,
        address serviceFeeRecipient
    ) external returns (uint256 railId) {
        if (from == address(0)) revert ZeroAddressNotAllowed("from");
        if (to == address(0)) revert ZeroAddressNotAllowed("to");
        if (!operatorApprovals[token][from][msg.sender].isApproved) revert OperatorNotApproved(from, msg.sender);
        if (commissionRateBps > COMMISSION_MAX_BPS) {
            revert CommissionRateTooHigh(COMMISSION_MAX_BPS, commissionRateBps);
        }
        if (commissionRateBps > 0 && serviceFeeRecipient == address(0)) revert MissingServiceFeeRecipient();
        railId = ++_railCount;
        IFilecoinPay.RailView storage rail = _rails[railId].state;
        rail.token = token;
        rail.from = from;
        rail.to = to;
        rail.operator = msg.sender;
        rail.validator = validator;
        rail.settledUpTo = block.number;
        rail.commissionRateBps = commissionRateBps;
        rail.serviceFeeRecipient = serviceFeeRecipient;
        _payerRails[from][token].push(railId);
        _payeeRails[to][token].push(railId);
        emit RailCreated(railId, from, to, token, msg.sender, validator, serviceFeeRecipient, commissionRateBps);
    }

    /// @notice Sets for how long the rail outlives its payer's money, and what is set aside for one-time payments. On a terminated
    /// rail only the latter, and only downward.
    function modifyRailLockup(uint256 railId, uint256 period, uint256 lockupFixed) external {
        (IFilecoinPay.RailView storage rail, OperatorApproval storage approval) = _operated(railId);
        uint256 oldPeriod = rail.lockupPeriod;
        uint256 oldFixed = rail.lockupFixed;
        if (rail.endEpoch != 0 && (period != oldPeriod || lockupFixed > oldFixed)) {
            revert InvalidTerminatedRailModification(oldPeriod, oldFixed, period, lockupFixed);
        }
        if (period > oldPeriod && period > approval.maxLockupPeriod) {
            revert LockupPeriodExceedsOperatorMaximum(rail.token, msg.sender, approval.maxLockupPeriod, period);
        }
        uint256 rate = rail.endEpoch == 0 ? rail.paymentRate : 0;
        _changeLockup(rail.token, rail.from, approval, rate * oldPeriod + oldFixed, rate * period + lockupFixed);
        rail.lockupPeriod = period;
        rail.lockupFixed = lockupFixed;
        emit RailLockupModified(railId, oldPeriod, period, oldFixed, lockupFixed);
    }

    /// @notice Changes the rate from the next epoch on, and pays `oneTimePayment` out of what is set aside for it.
    function modifyRailPayment(uint256 railId, uint256 newRate, uint256 oneTimePayment) external nonReentrant {
        (IFilecoinPay.RailView storage rail, OperatorApproval storage approval) = _operated(railId);
        if (newRate != rail.paymentRate) _modifyRate(railId, rail, approval, newRate);
        if (oneTimePayment > 0) _payOnce(railId, rail, approval, oneTimePayment);
    }

    /// @notice Ends a rail: it is paid for its lockup period more, from money that is locked already. The operator can always; the
    /// payer only while its account is in funds.
    function terminateRail(uint256 railId) external nonReentrant {
        IFilecoinPay.RailView storage rail = _active(railId);
        if (rail.endEpoch != 0) revert RailAlreadyTerminated(railId);
        Account storage payer = _settlePayer(rail);
        bool byPayer = msg.sender == rail.from && payer.lockupLastSettledAt == block.number;
        if (!byPayer && msg.sender != rail.operator) {
            revert NotAuthorizedToTerminateRail(railId, rail.from, rail.operator, msg.sender);
        }
        OperatorApproval storage approval = operatorApprovals[rail.token][rail.from][rail.operator];
        rail.endEpoch = payer.lockupLastSettledAt + rail.lockupPeriod;
        _changeRate(rail.token, rail.from, approval, rail.paymentRate, 0);
        emit RailTerminated(railId, msg.sender, rail.endEpoch);
        if (rail.validator != address(0)) {
            IValidator(rail.validator).railTerminated(railId, msg.sender, rail.endEpoch);
        }
    }

    /// @notice Pays the payee up to an epoch, as far as the payer's money was locked and the validator agrees. Anyone may call.
    function settleRail(uint256 railId, uint256 untilEpoch)
        external
        nonReentrant
        returns (uint256, uint256, uint256, uint256, uint256, string memory)
    {
        if (untilEpoch > block.number) revert CannotSettleFutureEpochs(railId, block.number, untilEpoch);
        return _settle(railId, untilEpoch, true);
    }

    /// @notice Pays a terminated rail in full after its end, without its validator: the payer's way out of a validator that hangs.
    function settleTerminatedRailWithoutValidation(uint256 railId)
        external
        nonReentrant
        returns (uint256, uint256, uint256, uint256, uint256, string memory)
    {
        IFilecoinPay.RailView storage rail = _active(railId);
        if (msg.sender != rail.from) revert OnlyRailClientAllowed(rail.from, msg.sender);
        if (rail.endEpoch == 0) revert RailNotTerminated(railId);
        if (block.number <= rail.endEpoch) {
            revert CannotSettleTerminatedRailBeforeMaxEpoch(railId, rail.endEpoch + 1, block.number);
        }
        return _settle(railId, rail.endEpoch, false);
    }

    function getRail(uint256 railId) external view returns (IFilecoinPay.RailView memory) {
        return _active(railId);
    }

    function getRateChangeQueueSize(uint256 railId) external view returns (uint256) {
        return _rails[railId].rateChanges.length - _rails[railId].nextChange;
    }

    /// @param limit Zero for all
    function getRailsForPayerAndToken(address payer, address token, uint256 offset, uint256 limit)
        external
        view
        returns (RailInfo[] memory results, uint256 nextOffset, uint256 total)
    {
        return _page(_payerRails[payer][token], offset, limit);
    }

    /// @param limit Zero for all
    function getRailsForPayeeAndToken(address payee, address token, uint256 offset, uint256 limit)
        external
        view
        returns (RailInfo[] memory results, uint256 nextOffset, uint256 total)
    {
        return _page(_payeeRails[payee][token], offset, limit);
    }

    function _modifyRate(
        uint256 railId,
        IFilecoinPay.RailView storage rail,
        OperatorApproval storage approval,
        uint256 newRate
    ) private {
        if (rail.endEpoch != 0) revert RateChangeNotAllowedOnTerminatedRail(railId);
        Account storage payer = _settlePayer(rail);
        uint256 oldRate = rail.paymentRate;
        if (payer.lockupLastSettledAt != block.number) {
            revert LockupNotSettledRateChangeNotAllowed(railId, rail.from, false, oldRate, newRate);
        }
        _changeRate(rail.token, rail.from, approval, oldRate, newRate);
        _changeLockup(rail.token, rail.from, approval, oldRate * rail.lockupPeriod, newRate * rail.lockupPeriod);
        if (rail.settledUpTo < block.number) {
            if (oldRate == 0 && _rails[railId].nextChange == _rails[railId].rateChanges.length) {
                rail.settledUpTo = block.number; // nothing was owed until now
            } else {
                _queue(_rails[railId].rateChanges, oldRate);
            }
        }
        rail.paymentRate = newRate;
        emit RailRateModified(railId, oldRate, newRate);
    }

    /// @dev A second change in one epoch does not lengthen the queue: the rate in between held for no epoch.
    function _queue(RateChange[] storage changes, uint256 oldRate) private {
        if (changes.length > 0 && changes[changes.length - 1].untilEpoch == block.number) return;
        changes.push(RateChange(oldRate, block.number));
    }

    function _payOnce(
        uint256 railId,
        IFilecoinPay.RailView storage rail,
        OperatorApproval storage approval,
        uint256 amount
    ) private {
        if (amount > rail.lockupFixed) {
            revert OneTimePaymentExceedsLockup(railId, rail.lockupFixed, amount);
        }
        rail.lockupFixed -= amount;
        _changeLockup(rail.token, rail.from, approval, amount, 0);
        // Paid once is used up: the allowance does not come back with the next lockup.
        approval.lockupAllowance = approval.lockupAllowance > amount ? approval.lockupAllowance - amount : 0;
        (uint256 net, uint256 commission, uint256 fee) = _pay(rail, amount);
        emit RailOneTimePaymentProcessed(railId, net, commission, fee);
    }

    function _operated(uint256 railId)
        private
        returns (IFilecoinPay.RailView storage rail, OperatorApproval storage approval)
    {
        rail = _active(railId);
        if (msg.sender != rail.operator) revert OnlyRailOperatorAllowed(rail.operator, msg.sender);
        approval = operatorApprovals[rail.token][rail.from][msg.sender];
        _settlePayer(rail);
    }

    function _page(uint256[] storage railIds, uint256 offset, uint256 limit)
        private
        view
        returns (RailInfo[] memory results, uint256 nextOffset, uint256 total)
    {
        total = railIds.length;
        uint256 available = total > offset ? total - offset : 0;
        uint256 length = limit == 0 || available < limit ? available : limit;
        results = new RailInfo[](length);
        for (uint256 i = 0; i < length; i++) {
            IFilecoinPay.RailView storage rail = _rails[railIds[offset + i]].state;
            results[i] = RailInfo(railIds[offset + i], rail.endEpoch > 0, rail.endEpoch);
        }
        nextOffset = offset + length;
    }
}
