// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    Completion,
    IMarketplace,
    Inclusion,
    NewCheckpoint,
    Offer,
    Order,
    OrderState,
    Share
} from "../src/IMarketplace.sol";
import {Digests} from "./support/Digests.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {HookToken} from "./support/OddTokens.sol";
import {Signers} from "./support/Signers.sol";
import {VM} from "./support/Vm.sol";

contract MarketplaceSettleTest is MarketFixture {
    Order private order;
    Completion private completion;
    bytes private signature;
    Inclusion private inclusion;

    function setUp() public override {
        super.setUp();
        order = _recorded();
        (completion, signature, inclusion) = _completed(order);
    }

    // --- settle

    function test_settle_succeeds() external {
        VM.expectEmit(address(market));
        emit IMarketplace.Settled(_id(order), "weights", "ciphertext", inclusion.index, inclusion.size);
        _settle();
        _expectState(order, OrderState.Settled);
        require(market.owed(SELLER) == 800 && market.owed(COOWNER) == 75);
        require(market.owed(OPERATOR) == 100 && market.owed(TREASURY) == 25 && market.owed(BUYER) == 0);
        require(market.totalLocked() == 0 && market.totalOwed() == 1000);
        require(usdfc.balanceOf(address(market)) == 1000, "nothing left yet");
    }

    function test_settle_atTheDeadline_succeeds() external {
        VM.warp(order.deadline);
        _settle();
    }

    /// @dev Who finished before the consent went is paid.
    function test_settle_afterRevocation_succeeds() external {
        VM.prank(SELLER);
        market.revoke(order.keyId);
        _settle();
        _expectState(order, OrderState.Settled);
    }

    /// @dev One payee in several roles is owed the sum.
    function test_settle_toOnePayeeTwice_succeeds() external {
        Offer memory offer = _offer();
        offer.datasetId = "twice";
        (offer.payees[0].to, offer.payees[1].to) = (OPERATOR, OPERATOR);
        _list(offer);
        order = _order(offer);
        _open(order, offer);
        uint256 key = 0x77;
        (bytes memory assigned, Inclusion memory granted) = _granted(order, VM.addr(key));
        market.recordAccess(order, VM.addr(key), assigned, granted);
        completion.worker = VM.addr(key);
        bytes32 digest = Digests.completion(address(market), _id(order), completion);
        signature = Signers.sign(key, digest);
        inclusion = _logged("training-completed", digest);
        Share[] memory shares = _shares();
        (shares[0].to, shares[1].to) = (OPERATOR, OPERATOR);
        market.settle(order, shares, completion, signature, inclusion);
        require(market.owed(OPERATOR) == 975 && market.owed(TREASURY) == 25);
    }

    function test_settle_beforeRecording_revertsWithWrongState() external {
        order = _order(_offer());
        _expectWrongState(OrderState.None);
        _settle();
        _open(order, _offer());
        _expectWrongState(OrderState.Open);
        _settle();
    }

    function test_settle_twice_revertsWithWrongState() external {
        _settle();
        _expectWrongState(OrderState.Settled);
        _settle();
    }

    function test_settle_afterARefund_revertsWithWrongState() external {
        (bytes memory refusal, Inclusion memory logged) = _refused(order, "gate-refused");
        market.refund(order, "gate-refused", refusal, logged);
        _expectWrongState(OrderState.Refunded);
        _settle();
    }

    function test_settle_revertsWithDeadlinePassed() external {
        VM.warp(order.deadline + 1);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.DeadlinePassed.selector, order.deadline));
        _settle();
    }

    function test_settle_byAnotherWorker_revertsWithNotTheWorker() external {
        completion.worker = BUYER;
        bytes32 digest = Digests.completion(address(market), _id(order), completion);
        signature = Signers.sign(BUYER_KEY, digest);
        inclusion = _logged("training-completed", digest);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotTheWorker.selector, BUYER));
        _settle();
    }

    function test_settle_revertsWithSplitMismatch() external {
        Share[][5] memory bad;
        for (uint256 i = 0; i < bad.length; i++) {
            bad[i] = _shares();
        }
        bad[0][0].to = BUYER;
        bad[1][0].amount += 1;
        (bad[2][0], bad[2][1]) = (bad[2][1], bad[2][0]);
        bad[3] = new Share[](0);
        (bad[4][0].amount, bad[4][1].amount) = (799, 76); // the same sum
        bytes32 expected = keccak256(abi.encode(_shares()));
        for (uint256 i = 0; i < bad.length; i++) {
            _expectRevert(IMarketplace.SplitMismatch.selector, expected);
            market.settle(order, bad[i], completion, signature, inclusion);
        }
    }

    function test_settle_revertsWithNotSignedBy() external {
        bytes32 digest = Digests.completion(address(market), _id(order), completion);
        bytes[4] memory bad;
        bad[0] = Signers.sign(OPERATOR_KEY, digest);
        bad[1] = Signers.sign(WORKER_KEY, ~digest);
        bad[2] = Signers.sign(WORKER_KEY, Digests.completion(address(this), _id(order), completion));
        for (uint256 i = 0; i < bad.length; i++) {
            signature = bad[i];
            _expectNotSignedBy(WORKER);
            _settle();
        }
    }

    /// @dev Other weights than those that the worker vouched for.
    function test_settle_withOtherDigests_revertsWithNotSignedBy() external {
        completion.weightsDigest = "other weights";
        _expectNotSignedBy(WORKER);
        _settle();
        completion = _completion();
        completion.ciphertextDigest = "other ciphertext";
        _expectNotSignedBy(WORKER);
        _settle();
    }

    /// @dev Money follows proof: the worker's word alone pays nobody.
    function test_settle_withoutTheRecord_revertsWithWrongEntry() external {
        bytes32 digest = Digests.completion(address(market), _id(order), completion);
        inclusion = _logged("training-refused", digest);
        _expectRevert(IMarketplace.WrongEntry.selector, digest);
        _settle();
        inclusion = _logged("training-completed", ~digest);
        _expectRevert(IMarketplace.WrongEntry.selector, digest);
        _settle();
    }

    function test_settle_revertsWithNotAnchored() external {
        inclusion.size += 1;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotAnchored.selector, inclusion.size));
        _settle();
    }

    function test_settle_revertsWithNotIncluded() external {
        inclusion.proof[0] = 0;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotIncluded.selector, inclusion.index, inclusion.size));
        _settle();
    }

    function test_anchorAndSettle_succeeds() external {
        bytes32 digest = Digests.completion(address(market), _id(order), completion);
        inclusion = _inclusion(_append("training-completed", digest));
        NewCheckpoint memory checkpoint = _checkpoint();
        market.anchorAndSettle(checkpoint, order, _shares(), completion, signature, inclusion);
        _expectState(order, OrderState.Settled);
        require(log.size() == checkpoint.size);
    }

    // --- helpers

    function _settle() private {
        market.settle(order, _shares(), completion, signature, inclusion);
    }
}
