// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarketplace, Inclusion, NewCheckpoint, Order, OrderState} from "../src/IMarketplace.sol";
import {Digests} from "./support/Digests.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {Signers} from "./support/Signers.sol";
import {VM} from "./support/Vm.sol";

contract MarketplaceRefundTest is MarketFixture {
    bytes32 private constant REASON = "gate-refused";
    Order private order;
    bytes private signature;
    Inclusion private inclusion;

    function setUp() public override {
        super.setUp();
        order = _recorded();
        (signature, inclusion) = _refused(order, REASON);
    }

    // --- until the deadline

    function test_refund_onARefusal_succeeds() external {
        VM.expectEmit(address(market));
        emit IMarketplace.Refunded(_id(order), REASON, 1000);
        _refund();
        _expectState(order, OrderState.Refunded);
        require(market.owed(BUYER) == 1000 && market.totalLocked() == 0 && market.totalOwed() == 1000);
    }

    function test_refund_beforeRecording_succeeds() external {
        order = _order(_offer());
        _open(order, _offer());
        (signature, inclusion) = _refused(order, REASON);
        _refund();
        _expectState(order, OrderState.Refunded);
    }

    /// @dev Whoever brings it: the buyer, or the operator itself.
    function test_refund_bySomebody_succeeds() external {
        VM.prank(BUYER);
        _refund();
        require(market.owed(BUYER) == 1000);
    }

    function test_refund_withoutARefusal_revertsWithNotSignedBy() external {
        bytes32 digest = Digests.refusal(address(market), _id(order), REASON);
        bytes[4] memory bad;
        bad[1] = Signers.sign(BUYER_KEY, digest);
        bad[2] = Signers.sign(OPERATOR_KEY, Digests.refusal(address(market), "another order", REASON));
        bad[3] = Signers.sign(OPERATOR_KEY, Digests.refusal(address(this), _id(order), REASON));
        for (uint256 i = 0; i < bad.length; i++) {
            signature = bad[i];
            _expectNotSignedBy(OPERATOR);
            _refund();
        }
    }

    /// @dev To the last second the worker may still settle: nobody refunds without proof.
    function test_refund_atTheDeadline_revertsWithNotSignedBy() external {
        VM.warp(order.deadline);
        signature = "";
        _expectNotSignedBy(OPERATOR);
        _refund();
    }

    function test_refund_forAnotherReason_revertsWithNotSignedBy() external {
        _expectNotSignedBy(OPERATOR);
        market.refund(order, "another reason", signature, inclusion);
    }

    /// @dev A refusal counts once it is in the log for everybody to see.
    function test_refund_withoutTheRecord_revertsWithWrongEntry() external {
        bytes32 digest = Digests.refusal(address(market), _id(order), REASON);
        inclusion = _logged("training-completed", digest);
        _expectRevert(IMarketplace.WrongEntry.selector, digest);
        _refund();
        inclusion = _logged("training-refused", ~digest);
        _expectRevert(IMarketplace.WrongEntry.selector, digest);
        _refund();
    }

    function test_refund_revertsWithNotAnchored() external {
        inclusion.size += 1;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotAnchored.selector, inclusion.size));
        _refund();
    }

    function test_refund_revertsWithNotIncluded() external {
        inclusion.index -= 1;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotIncluded.selector, inclusion.index, inclusion.size));
        _refund();
    }

    // --- after the deadline

    function test_refund_afterTheDeadline_needsNoProof() external {
        VM.warp(order.deadline + 1);
        Inclusion memory none;
        VM.expectEmit(address(market));
        emit IMarketplace.Refunded(_id(order), 0, 1000); // whatever reason was given
        VM.prank(COOWNER);
        market.refund(order, "whatever", "", none);
        _expectState(order, OrderState.Refunded);
        require(market.owed(BUYER) == 1000 && market.owed(COOWNER) == 0);
    }

    // --- states

    function test_refund_twice_revertsWithWrongState() external {
        _refund();
        _expectWrongState(OrderState.Refunded);
        _refund();
        VM.warp(order.deadline + 1);
        _expectWrongState(OrderState.Refunded);
        _refund();
    }

    function test_refund_ofASettledOrder_revertsWithWrongState() external {
        _settle(order);
        _expectWrongState(OrderState.Settled);
        _refund();
        VM.warp(order.deadline + 1);
        _expectWrongState(OrderState.Settled);
        _refund();
    }

    function test_refund_ofNoOrder_revertsWithWrongState() external {
        order.salt = "nobody paid for this";
        VM.warp(order.deadline + 1);
        _expectWrongState(OrderState.None);
        _refund();
    }

    // --- anchorAndRefund

    function test_anchorAndRefund_succeeds() external {
        bytes32 digest = Digests.refusal(address(market), _id(order), REASON);
        inclusion = _inclusion(_append("training-refused", digest));
        NewCheckpoint memory checkpoint = _checkpoint();
        market.anchorAndRefund(checkpoint, order, REASON, signature, inclusion);
        _expectState(order, OrderState.Refunded);
        require(log.size() == checkpoint.size);
    }

    // --- helpers

    function _refund() private {
        market.refund(order, REASON, signature, inclusion);
    }
}
