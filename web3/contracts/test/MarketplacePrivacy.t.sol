// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Completion, IMarketplace, Inclusion, Offer, Order, Share} from "../src/IMarketplace.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {VM} from "./support/Vm.sol";

/// @notice What a run's privacy loss costs, and who gets it. The fixture's price is 1000, 200 an epsilon, at most 3.
contract MarketplacePrivacyTest is MarketFixture {
    function setUp() public override {
        super.setUp();
        _list(_privateOffer());
        _fund(BUYER, 10_000);
    }

    function test_open_chargesForEpsilon() external {
        Order memory order = _openWith(2_000_000);
        require(market.order(_id(order)).amount == 1400 && usdfc.balanceOf(BUYER) == 8600, "amount");
        // 2.5 % of 1400 is 35: 10 more than of the price, and the seller pays them.
        _expectSplit(order, 390, 35);
    }

    function test_open_roundsUp_soThatNoPrivacyIsFree() external {
        Order memory order = _openWith(1);
        require(market.order(_id(order)).amount == 1001, "amount");
        _expectSplit(order, 1, 25);
    }

    /// @dev Without privacy a run may reveal anything: never cheaper than the one that may reveal most.
    function test_open_withoutPrivacy_costsWhatTheLargestEpsilonDoes() external {
        require(market.order(_id(_openWith(0))).amount == 1600, "none");
        require(market.order(_id(_openWith(3_000_000))).amount == 1600, "most");
    }

    function test_open_revertsWithEpsilonTooHigh() external {
        Offer memory offer = _privateOffer();
        Order memory order = _order(offer);
        order.epsilonMicros = 3_000_001;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.EpsilonTooHigh.selector, uint64(3_000_001), 3_000_000));
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function test_list_revertsWithPriceTooHigh() external {
        Offer memory offer = _privateOffer();
        offer.pricePerEpsilon = type(uint128).max / 3 - 334; // with the price, two below what fits
        _list(offer);
        offer.pricePerEpsilon += 1;
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.PriceTooHigh.selector, uint256(type(uint128).max) + 1));
        VM.prank(SELLER);
        market.list(offer);
    }

    function test_settle_paysTheSellerForPrivacy() external {
        Order memory order = _openWith(2_000_000);
        (bytes memory assigned, Inclusion memory granted) = _granted(order, WORKER);
        market.recordAccess(order, WORKER, assigned, granted);
        (Completion memory completion, bytes memory signature, Inclusion memory inclusion) = _completed(order);
        market.settle(order, _split(390, 35), completion, signature, inclusion);
        require(market.owed(SELLER) == 1190 && market.owed(COOWNER) == 75, "sellers");
        require(market.owed(OPERATOR) == 100 && market.owed(TREASURY) == 35, "others");
        require(market.totalOwed() == 1400 && market.totalLocked() == 0, "sum");
    }

    function test_refund_returnsWhatPrivacyCost() external {
        Order memory order = _openWith(2_000_000);
        (bytes memory signature, Inclusion memory inclusion) = _refused(order, "reason");
        market.refund(order, "reason", signature, inclusion);
        require(market.owed(BUYER) == 1400, "refund");
    }

    /// @dev Whatever the prices: everybody's shares are the whole amount, to the last unit.
    function test_fuzz_open_sharesAreTheAmount(uint64 price, uint64 perEpsilon, uint64 most, uint64 taken) external {
        Offer memory offer = _offer();
        (offer.price, offer.nodeFee, offer.pricePerEpsilon) = (price, 0, perEpsilon);
        offer.maxEpsilonMicros = most % 100_000_000;
        (offer.payees[0].amount, offer.payees[1].amount) = (uint128(price - uint256(price) * FEE_BPS / 10_000), 0);
        _list(offer);
        Order memory order = _order(offer);
        order.epsilonMicros = taken % (offer.maxEpsilonMicros + 1);
        uint256 charged = order.epsilonMicros == 0 ? offer.maxEpsilonMicros : order.epsilonMicros;
        uint256 amount = price + (uint256(perEpsilon) * charged + 999_999) / 1_000_000;
        _fund(BUYER, amount);
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
        uint256 fee = amount * FEE_BPS / 10_000;
        Share[] memory shares = new Share[](3);
        uint256 n = 0;
        if (offer.payees[0].amount > 0) shares[n++] = offer.payees[0];
        uint256 forPrivacy = amount - fee - offer.payees[0].amount;
        if (forPrivacy > 0) shares[n++] = Share(SELLER, uint128(forPrivacy));
        if (fee > 0) shares[n++] = Share(TREASURY, uint128(fee));
        assembly ("memory-safe") {
            mstore(shares, n)
        }
        require(market.order(_id(order)).amount == amount, "amount");
        require(market.order(_id(order)).splitHash == keccak256(abi.encode(shares)), "split");
    }

    // --- helpers

    function _openWith(uint64 epsilonMicros) private returns (Order memory order) {
        Offer memory offer = _privateOffer();
        order = _order(offer);
        order.epsilonMicros = epsilonMicros;
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function _expectSplit(Order memory order, uint128 forPrivacy, uint128 fee) private view {
        require(market.order(_id(order)).splitHash == keccak256(abi.encode(_split(forPrivacy, fee))), "split");
    }

    function _split(uint128 forPrivacy, uint128 fee) private view returns (Share[] memory shares) {
        shares = new Share[](5);
        shares[0] = Share(SELLER, 800);
        shares[1] = Share(COOWNER, 75);
        shares[2] = Share(OPERATOR, 100);
        shares[3] = Share(SELLER, forPrivacy);
        shares[4] = Share(TREASURY, fee);
    }
}
