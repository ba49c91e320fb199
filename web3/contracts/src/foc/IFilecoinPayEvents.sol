// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Events and errors of FilecoinPay's rails
interface IFilecoinPayEvents {
    event RailCreated(
        uint256 indexed railId,
        address indexed payer,
        address indexed payee,
        address token,
        address operator,
        address validator,
        address serviceFeeRecipient,
        uint256 commissionRateBps
    );
    event RailLockupModified(
        uint256 indexed railId,
        uint256 oldLockupPeriod,
        uint256 newLockupPeriod,
        uint256 oldLockupFixed,
        uint256 newLockupFixed
    );
    event RailRateModified(uint256 indexed railId, uint256 oldRate, uint256 newRate);
    event RailOneTimePaymentProcessed(
        uint256 indexed railId, uint256 netPayeeAmount, uint256 operatorCommission, uint256 networkFee
    );
    event RailTerminated(uint256 indexed railId, address indexed by, uint256 endEpoch);
    event RailSettled(
        uint256 indexed railId,
        uint256 totalSettledAmount,
        uint256 totalNetPayeeAmount,
        uint256 operatorCommission,
        uint256 networkFee,
        uint256 settledUpTo
    );
    event RailFinalized(uint256 indexed railId);

    /// @notice There is no such rail, or it has been paid to its end.
    error RailInactiveOrSettled(uint256 railId);
    error RailAlreadyTerminated(uint256 railId);
    error RailNotTerminated(uint256 railId);
    error RateChangeNotAllowedOnTerminatedRail(uint256 railId);
    /// @notice Of a terminated rail, only what is set aside may change, and only downward.
    error InvalidTerminatedRailModification(
        uint256 actualPeriod, uint256 actualLockupFixed, uint256 attemptedPeriod, uint256 attemptedLockupFixed
    );
    error OnlyRailOperatorAllowed(address expected, address caller);
    error OnlyRailClientAllowed(address expected, address caller);
    /// @notice Only the operator ends a rail at any time; the payer only while its account is in funds.
    error NotAuthorizedToTerminateRail(uint256 railId, address allowedClient, address allowedOperator, address caller);
    error CommissionRateTooHigh(uint256 maxAllowed, uint256 actual);
    error MissingServiceFeeRecipient();
    /// @notice The payer approved shorter lockups.
    error LockupPeriodExceedsOperatorMaximum(
        address token, address operator, uint256 maxAllowedPeriod, uint256 requestedPeriod
    );
    /// @notice The payer is in debt: its rails keep their rates.
    error LockupNotSettledRateChangeNotAllowed(
        uint256 railId, address from, bool isSettled, uint256 currentRate, uint256 attemptedRate
    );
    /// @notice More than is set aside for one-time payments.
    error OneTimePaymentExceedsLockup(uint256 railId, uint256 available, uint256 required);
    error CannotSettleFutureEpochs(uint256 railId, uint256 maxAllowedEpoch, uint256 attemptedEpoch);
    /// @notice Without its validator a rail is paid only after its end.
    error CannotSettleTerminatedRailBeforeMaxEpoch(uint256 railId, uint256 requiredBlock, uint256 currentBlock);
    /// @notice A validator may lower a payment, never raise it.
    error ValidatorModifiedAmountExceedsMaximum(uint256 railId, uint256 maxAllowed, uint256 attempted);
    error ValidatorSettledBeforeSegmentStart(uint256 railId, uint256 allowedStart, uint256 attemptedStart);
    error ValidatorSettledBeyondSegmentEnd(uint256 railId, uint256 allowedEnd, uint256 attemptedEnd);
}
