// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Inclusion, Order} from "../src/IMarketplace.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {VM} from "./support/Vm.sol";

/// @notice `canRelease`: what key nodes ask.
contract MarketplaceReleaseTest is MarketFixture {
    function test_canRelease_succeeds() external {
        Order memory order = _recorded();
        require(market.canRelease(order.keyId, WORKER));
        VM.warp(order.deadline);
        require(market.canRelease(order.keyId, WORKER), "to the last second");
    }

    function test_canRelease_beforeTheRecord_isFalse() external {
        Order memory order = _opened();
        _granted(order, WORKER); // logged and anchored, and yet not shown to the contract
        require(!market.canRelease(order.keyId, WORKER));
    }

    function test_canRelease_toOthers_isFalse() external {
        Order memory order = _recorded();
        require(!market.canRelease(order.keyId, BUYER) && !market.canRelease(order.keyId, OPERATOR));
        require(!market.canRelease(order.keyId, SELLER) && !market.canRelease(order.keyId, address(0)));
    }

    function test_canRelease_ofAnotherKey_isFalse() external {
        _recorded();
        require(!market.canRelease("another", WORKER) && !market.canRelease(0, WORKER));
        require(!market.canRelease(0, BUYER), "nor do two nothings match");
    }

    function test_canRelease_afterTheDeadline_isFalse() external {
        Order memory order = _recorded();
        VM.warp(order.deadline + 1);
        require(!market.canRelease(order.keyId, WORKER));
    }

    function test_canRelease_afterRevocation_isFalse() external {
        Order memory order = _recorded();
        VM.prank(SELLER);
        market.revoke(order.keyId);
        require(!market.canRelease(order.keyId, WORKER));
    }

    function test_canRelease_afterTheLicenceIsRevoked_isFalse() external {
        Order memory order = _recorded();
        VM.prank(SELLER);
        market.revokeLicence(order.keyId, "another licence");
        require(market.canRelease(order.keyId, WORKER));
        VM.prank(SELLER);
        market.revokeLicence(order.keyId, order.licence);
        require(!market.canRelease(order.keyId, WORKER));
    }

    function test_canRelease_afterSettlement_isFalse() external {
        Order memory order = _recorded();
        _settle(order);
        require(!market.canRelease(order.keyId, WORKER));
    }

    function test_canRelease_afterARefund_isFalse() external {
        Order memory order = _recorded();
        (bytes memory signature, Inclusion memory inclusion) = _refused(order, "out-of-memory");
        market.refund(order, "out-of-memory", signature, inclusion);
        require(!market.canRelease(order.keyId, WORKER));
    }
}
