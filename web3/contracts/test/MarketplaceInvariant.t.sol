// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Order} from "../src/IMarketplace.sol";
import {Marketplace} from "../src/Marketplace.sol";
import {MarketHandler} from "./support/MarketHandler.sol";
import {VM} from "./support/Vm.sol";

contract MarketplaceInvariantTest {
    MarketHandler private handler;

    function setUp() external {
        handler = new MarketHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev What went in is there, or went out; and every unit that is there is somebody's.
    function invariant_money() external view {
        Marketplace market = handler.market();
        uint256 held = market.totalLocked() + market.totalOwed();
        require(handler.usdfc().balanceOf(address(market)) == held, "balance");
        require(handler.deposited() == held + handler.withdrawn(), "in = out");
        uint256 owed = market.owed(VM.addr(2)) + market.owed(address(handler)); // the operator, the seller
        for (uint256 i = 0; i < 6; i++) {
            owed += market.owed(handler.actor(i));
        }
        require(owed == market.totalOwed(), "owed");
    }

    /// @dev Over all orders, once a sequence ends: at every step it would cost the square of the depth.
    function afterInvariant() external view {
        Marketplace market = handler.market();
        uint256 locked = 0;
        for (uint256 i = 0; i < handler.count(); i++) {
            (MarketHandler.Run memory run, Order memory order) = handler.run(i);
            require(run.closed <= 1, "paid twice");
            if (run.closed == 0) locked += run.amount;
            bool expected = run.recorded && run.closed == 0 && block.timestamp <= order.deadline
                && !handler.revoked(order.keyId) && !handler.licenceRevoked(order.keyId, order.licence);
            // A worker that no record names may meanwhile serve another order of the same key.
            bool asked = run.recorded || market.orderOf(VM.addr(run.workerKey)) == 0;
            require(!asked || market.canRelease(order.keyId, VM.addr(run.workerKey)) == expected, "release");
        }
        require(locked == market.totalLocked(), "locked");
    }
}
