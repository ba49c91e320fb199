// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The part of FilecoinPay that other contracts call
interface IFilecoinPay {
    struct RailView {
        address token;
        address from;
        address to;
        address operator;
        address validator;
        /// Per epoch, in the token's least unit.
        uint256 paymentRate;
        /// Epochs that the payee is paid for after the payer stops paying.
        uint256 lockupPeriod;
        /// Set aside for one-time payments.
        uint256 lockupFixed;
        uint256 settledUpTo;
        /// Zero while the rail is not terminated.
        uint256 endEpoch;
        uint256 commissionRateBps;
        address serviceFeeRecipient;
    }

    function accounts(address token, address owner)
        external
        view
        returns (uint256 funds, uint256 lockupCurrent, uint256 lockupRate, uint256 lockupLastSettledAt);

    function operatorApprovals(address token, address client, address operator)
        external
        view
        returns (
            bool isApproved,
            uint256 rateAllowance,
            uint256 lockupAllowance,
            uint256 rateUsage,
            uint256 lockupUsage,
            uint256 maxLockupPeriod
        );

    function getAccountInfoIfSettled(address token, address owner)
        external
        view
        returns (uint256 fundedUntilEpoch, uint256 currentFunds, uint256 availableFunds, uint256 currentLockupRate);

    function getRail(uint256 railId) external view returns (RailView memory);

    function createRail(
        address token,
        address from,
        address to,
        address validator,
        uint256 commissionRateBps,
        address serviceFeeRecipient
    ) external returns (uint256);

    function modifyRailLockup(uint256 railId, uint256 period, uint256 lockupFixed) external;

    function modifyRailPayment(uint256 railId, uint256 newRate, uint256 oneTimePayment) external;

    function terminateRail(uint256 railId) external;
}

/// @title Decides how much of a rail's payment was earned
interface IValidator {
    struct ValidationResult {
        /// At most what was proposed.
        uint256 modifiedAmount;
        /// At most the end of the proposed span; the rest is asked for again later.
        uint256 settleUpto;
        string note;
    }

    function validatePayment(uint256 railId, uint256 proposedAmount, uint256 fromEpoch, uint256 toEpoch, uint256 rate)
        external
        view
        returns (ValidationResult memory result);

    function railTerminated(uint256 railId, address terminator, uint256 endEpoch) external;
}
