// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IValidator} from "./IFilecoinPay.sol";

/// @title When a data set must be proven, and what a missed proof costs
/// @notice Time is cut into proving periods from the first one's start. A period's deadline is its last epoch, and its proof is
/// taken in the window before the deadline. A period without a proof is a fault, on record for ever, and is not paid.
abstract contract WarmStorageProving {
    event FaultRecord(uint256 indexed dataSetId, uint256 periodsFaulted, uint256 deadline);

    error MaxProvingPeriodZero();
    error InvalidChallengeWindowSize(uint256 maxProvingPeriod, uint256 challengeWindowSize);
    error InvalidChallengeCount(uint256 dataSetId, uint256 minExpected, uint256 actual);
    error InvalidChallengeEpoch(uint256 dataSetId, uint256 minAllowed, uint256 maxAllowed, uint256 actual);
    error ProofAlreadySubmitted(uint256 dataSetId);
    error ProvingNotStarted(uint256 dataSetId);
    error ProvingPeriodPassed(uint256 dataSetId, uint256 deadline, uint256 nowBlock);
    error ChallengeWindowTooEarly(uint256 dataSetId, uint256 windowStart, uint256 nowBlock);
    error NextProvingPeriodAlreadyCalled(uint256 dataSetId, uint256 periodDeadline, uint256 nowBlock);

    uint256 public constant CHALLENGES_PER_PROOF = 5;
    /// @notice Epochs in a proving period.
    uint64 public immutable maxProvingPeriod;
    /// @notice Epochs at the end of a period in which its proof is taken.
    uint256 public immutable challengeWindowSize;

    /// @notice Epoch at which a data set's first proving period began. Zero before.
    mapping(uint256 dataSetId => uint256) public provingActivationEpoch;
    /// @notice Last epoch of the running period. Zero while there is none.
    mapping(uint256 dataSetId => uint256) public provingDeadlines;
    mapping(uint256 dataSetId => bool) public provenThisPeriod;
    mapping(uint256 dataSetId => mapping(uint256 periodId => bool)) public provenPeriods;

    constructor(uint64 period, uint256 window) {
        if (period == 0) revert MaxProvingPeriodZero();
        if (window == 0 || window >= period) revert InvalidChallengeWindowSize(period, window);
        maxProvingPeriod = period;
        challengeWindowSize = window;
    }

    /// @notice Period that an epoch belongs to; the greatest number if it is before the first.
    function getProvingPeriodForEpoch(uint256 dataSetId, uint256 epoch) public view returns (uint256) {
        uint256 start = provingActivationEpoch[dataSetId];
        if (start == 0 || epoch <= start) return type(uint256).max;
        return (epoch - start - 1) / maxProvingPeriod;
    }

    /// @notice Deadline of the period that `nextProvingPeriod` would begin if it were called now.
    function nextDeadline(uint256 dataSetId) public view returns (uint256) {
        uint256 deadline = provingDeadlines[dataSetId];
        uint256 start = provingActivationEpoch[dataSetId];
        if (start == 0) return block.number + maxProvingPeriod;
        // A data set that was empty for a while goes on with the periods it had: they are what pay is reckoned by.
        if (deadline == 0) return start + maxProvingPeriod * ((block.number - start) / maxProvingPeriod + 1);
        return deadline + maxProvingPeriod * (_periodsSkipped(deadline) + 1);
    }

    function _recordProof(uint256 dataSetId, uint256 challengeCount) internal {
        uint256 deadline = provingDeadlines[dataSetId];
        if (provenThisPeriod[dataSetId]) revert ProofAlreadySubmitted(dataSetId);
        if (challengeCount < CHALLENGES_PER_PROOF) {
            revert InvalidChallengeCount(dataSetId, CHALLENGES_PER_PROOF, challengeCount);
        }
        if (deadline == 0) revert ProvingNotStarted(dataSetId);
        if (block.number > deadline) revert ProvingPeriodPassed(dataSetId, deadline, block.number);
        uint256 windowStart = deadline - challengeWindowSize;
        if (block.number < windowStart) revert ChallengeWindowTooEarly(dataSetId, windowStart, block.number);
        provenThisPeriod[dataSetId] = true;
        provenPeriods[dataSetId][getProvingPeriodForEpoch(dataSetId, deadline)] = true;
    }

    /// @dev The challenge must fall into the new period's window, or a provider could draw it when it likes the randomness.
    function _startPeriod(uint256 dataSetId, uint256 challengeEpoch, uint256 leafCount) internal {
        uint256 deadline = provingDeadlines[dataSetId];
        uint256 newDeadline = nextDeadline(dataSetId);
        if (deadline == 0) {
            if (provingActivationEpoch[dataSetId] == 0) provingActivationEpoch[dataSetId] = block.number;
        } else {
            if (block.number < deadline - challengeWindowSize) {
                revert NextProvingPeriodAlreadyCalled(dataSetId, deadline, block.number);
            }
            uint256 faults = _periodsSkipped(deadline) + (provenThisPeriod[dataSetId] ? 0 : 1);
            if (faults > 0) emit FaultRecord(dataSetId, faults, deadline);
        }
        provenThisPeriod[dataSetId] = false;
        if (leafCount == 0) {
            provingDeadlines[dataSetId] = 0;
            return;
        }
        uint256 windowStart = newDeadline - challengeWindowSize;
        if (challengeEpoch < windowStart || challengeEpoch > newDeadline) {
            revert InvalidChallengeEpoch(dataSetId, windowStart, newDeadline, challengeEpoch);
        }
        provingDeadlines[dataSetId] = newDeadline;
    }

    /// @dev Grants the pay of proven periods, none for periods that ended without a proof, and puts off the running one.
    function _earned(uint256 dataSetId, uint256 proposedAmount, uint256 fromEpoch, uint256 toEpoch)
        internal
        view
        returns (IValidator.ValidationResult memory result)
    {
        uint256 activation = provingActivationEpoch[dataSetId];
        if (activation == 0 || toEpoch <= activation) {
            return IValidator.ValidationResult(0, fromEpoch, "not proven yet");
        }
        uint256 proven = 0;
        uint256 epoch = fromEpoch < activation ? activation : fromEpoch;
        while (epoch < toEpoch) {
            uint256 period = getProvingPeriodForEpoch(dataSetId, epoch + 1);
            uint256 periodEnd = activation + (period + 1) * maxProvingPeriod;
            uint256 end = periodEnd < toEpoch ? periodEnd : toEpoch;
            if (provenPeriods[dataSetId][period]) proven += end - epoch;
            else if (block.number <= periodEnd) break;
            epoch = end;
        }
        return IValidator.ValidationResult(proposedAmount * proven / (toEpoch - fromEpoch), epoch, "");
    }

    /// @dev Whole periods that went by after the running one, without anyone starting them.
    function _periodsSkipped(uint256 deadline) private view returns (uint256) {
        return block.number <= deadline ? 0 : (block.number - deadline - 1) / maxProvingPeriod;
    }
}
