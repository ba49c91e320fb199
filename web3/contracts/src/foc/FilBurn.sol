// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Burns native FIL
library FilBurn {
    /// @notice The burn did not go through.
    error FilBurnFailed();
    /// @notice What was sent above the fee could not be given back.
    error FilRefundFailed();

    /// @notice Filecoin's burnt-funds actor f099, as the EVM addresses actors by id.
    address payable internal constant BURN_ACTOR = payable(0xff00000000000000000000000000000000000063);

    /// @notice Burns `fee` of what came with the call and gives the rest back to the caller.
    function takeFee(uint256 fee) internal {
        if (fee > 0) {
            (bool burned,) = BURN_ACTOR.call{value: fee}("");
            if (!burned) revert FilBurnFailed();
        }
        if (msg.value > fee) {
            (bool refunded,) = msg.sender.call{value: msg.value - fee}("");
            if (!refunded) revert FilRefundFailed();
        }
    }
}
