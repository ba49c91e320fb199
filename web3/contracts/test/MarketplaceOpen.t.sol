// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarketplace, Offer, Order, OrderRecord, OrderState, Share} from "../src/IMarketplace.sol";
import {Digests} from "./support/Digests.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {VM} from "./support/Vm.sol";

contract MarketplaceOpenTest is MarketFixture {
    function setUp() public override {
        super.setUp();
        _list(_offer());
        _fund(BUYER, 1000);
    }

    // --- success

    function test_open_succeeds() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        VM.expectEmit(address(market));
        emit IMarketplace.Opened(_id(order), BUYER, order.keyId, OPERATOR, 1000, order.deadline);
        VM.prank(BUYER);
        require(market.open(order, offer, _noPermit()) == _id(order), "id");
        OrderRecord memory record = market.order(_id(order));
        require(record.buyer == BUYER && record.deadline == order.deadline && record.state == OrderState.Open);
        require(record.amount == 1000 && record.keyId == order.keyId && record.licence == order.licence);
        require(record.splitHash == keccak256(abi.encode(_shares())), "split");
        require(market.totalLocked() == 1000 && market.totalOwed() == 0);
        require(usdfc.balanceOf(address(market)) == 1000 && usdfc.balanceOf(BUYER) == 0);
    }

    /// @dev The protocol's part is rounded down, and nobody is owed nothing.
    function test_open_leavesZeroAmountsOut() external {
        Offer memory offer = _offer();
        offer.price = 39;
        offer.nodeFee = 0;
        (offer.payees[0].amount, offer.payees[1].amount) = (0, 39);
        _list(offer);
        Order memory order = _order(offer);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
        Share[] memory shares = new Share[](1);
        shares[0] = Share(COOWNER, 39);
        require(market.order(_id(order)).splitHash == keccak256(abi.encode(shares)));
    }

    function test_open_forFree_succeedsWithoutAToken() external {
        Offer memory offer = _offer();
        offer.price = 0;
        offer.nodeFee = 0;
        offer.payees = new Share[](0);
        _list(offer);
        Order memory order = _order(offer);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
        _expectState(order, OrderState.Open);
        require(market.order(_id(order)).splitHash == keccak256(abi.encode(new Share[](0))));
        require(usdfc.balanceOf(BUYER) == 1000 && market.totalLocked() == 0);
    }

    function test_open_toTheLastMoment_succeeds() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        order.deadline = uint64(block.timestamp + 30 days);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
        _fund(BUYER, 1000);
        VM.warp(offer.validUntil);
        order = _order(offer);
        order.deadline = uint64(block.timestamp + 1);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    // --- refusals

    function test_open_revertsWithNotTheBuyer() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotTheBuyer.selector, address(this)));
        market.open(order, offer, _noPermit());
    }

    function test_open_twice_revertsWithWrongState() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
        _fund(BUYER, 1000);
        _expectWrongState(OrderState.Open);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function test_open_ofWhatIsNotListed_revertsWithOfferMismatch() external {
        Offer memory offer = _offer();
        offer.datasetId = "not listed";
        _expectOfferMismatch(_order(offer), offer, 0);
    }

    function test_open_ofAReplacedOffer_revertsWithOfferMismatch() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        Offer memory dearer = _offer();
        dearer.termsDigest = "new terms";
        _list(dearer);
        _expectOfferMismatch(order, offer, Digests.offer(address(market), dearer));
    }

    /// @dev A buyer's own terms: cheaper, with the buyer as payee, or under another dataset's key.
    function test_open_withOwnTerms_revertsWithOfferMismatch() external {
        Offer memory offer = _offer();
        bytes32 listed = Digests.offer(address(market), offer);
        Order memory order = _order(offer);
        offer.payees[0] = Share(BUYER, 800);
        _expectOfferMismatch(order, offer, listed); // the order names the listed offer, the offer given is another
        _expectOfferMismatch(_order(offer), offer, listed); // both are another
        offer = _offer();
        order = _order(offer);
        order.offer = "another"; // the offer given is the listed one, the order names another
        _expectOfferMismatch(order, offer, listed);

        Offer memory cheap = _offer();
        (cheap.datasetId, cheap.seller, cheap.nodeFee, cheap.payees) = ("mine", BUYER, 0, new Share[](0));
        cheap.price = 0;
        _list(cheap);
        order = _order(cheap);
        order.keyId = _keyId(offer); // the key of the dear one
        _expectOfferMismatch(order, cheap, listed);
    }

    function test_open_revertsWithOfferExpired() external {
        Offer memory offer = _offer();
        VM.warp(offer.validUntil + 1);
        Order memory order = _order(offer);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.OfferExpired.selector, offer.validUntil));
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function test_open_revertsWithOperatorNotAllowed() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        order.operator = BUYER;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.OperatorNotAllowed.selector, BUYER));
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function test_open_revertsWithBadDeadline() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        uint64[3] memory bad = [uint64(block.timestamp), uint64(block.timestamp + 30 days + 1), type(uint64).max];
        for (uint256 i = 0; i < bad.length; i++) {
            order.deadline = bad[i];
            VM.expectRevert(abi.encodeWithSelector(IMarketplace.BadDeadline.selector, bad[i]));
            VM.prank(BUYER);
            market.open(order, offer, _noPermit());
        }
    }

    function test_open_revertsWithLicenceIsRevoked() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        VM.prank(SELLER);
        market.revokeLicence(order.keyId, order.licence);
        _expectRevert(IMarketplace.LicenceIsRevoked.selector, order.licence);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function test_open_revertsWithKeyRevoked() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        VM.prank(SELLER);
        market.revoke(order.keyId);
        _expectRevert(IMarketplace.KeyRevoked.selector, order.keyId);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    // --- helpers

    function _expectOfferMismatch(Order memory order, Offer memory offer, bytes32 listed) private {
        _expectRevert(IMarketplace.OfferMismatch.selector, listed);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }
}
