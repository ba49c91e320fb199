// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMarketplace, Offer, Share} from "../src/IMarketplace.sol";
import {Marketplace} from "../src/Marketplace.sol";
import {Digests} from "./support/Digests.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {VM} from "./support/Vm.sol";

contract MarketplaceListTest is MarketFixture {
    // --- construction

    function test_constructor_succeeds() external view {
        require(address(market.token()) == address(usdfc) && address(market.log()) == address(log));
        require(market.treasury() == TREASURY && market.protocolFeeBps() == FEE_BPS);
    }

    function test_constructor_revertsWithBadFee() external {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.BadFee.selector, address(0), FEE_BPS));
        new Marketplace(usdfc, log, address(0), FEE_BPS);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.BadFee.selector, TREASURY, 10_001));
        new Marketplace(usdfc, log, TREASURY, 10_001);
        new Marketplace(usdfc, log, TREASURY, 10_000);
    }

    // --- list

    function test_list_succeeds() external {
        Offer memory offer = _offer();
        bytes32 digest = Digests.offer(address(market), offer);
        VM.expectEmit(address(market));
        emit IMarketplace.Listed(_keyId(offer), SELLER, digest);
        require(_list(offer) == _keyId(offer));
        require(market.offerOf(_keyId(offer)) == digest && market.sellerOf(_keyId(offer)) == SELLER);
    }

    function test_list_again_replacesTheOffer() external {
        Offer memory offer = _offer();
        _list(offer);
        offer.termsDigest = "new terms";
        _list(offer);
        require(market.offerOf(_keyId(offer)) == Digests.offer(address(market), offer));
    }

    /// @dev The seller is part of the key id: the same data set id by another seller is another key.
    function test_list_bySomebodyElse_isAnotherKey() external {
        Offer memory offer = _offer();
        bytes32 keyId = _list(offer);
        offer.seller = COOWNER;
        require(_list(offer) != keyId && market.sellerOf(keyId) == SELLER);
    }

    function test_list_revertsWithNotTheSeller() external {
        Offer memory offer = _offer();
        VM.prank(COOWNER);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotTheSeller.selector, COOWNER));
        market.list(offer);
    }

    function test_list_revertsWithKeyRevoked() external {
        Offer memory offer = _offer();
        bytes32 keyId = _list(offer);
        VM.prank(SELLER);
        market.revoke(keyId);
        _expectRevert(IMarketplace.KeyRevoked.selector, keyId);
        VM.prank(SELLER);
        market.list(offer);
    }

    function test_list_revertsWithOfferExpired() external {
        Offer memory offer = _offer();
        VM.warp(offer.validUntil);
        _list(offer);
        VM.warp(offer.validUntil + 1);
        VM.prank(SELLER);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.OfferExpired.selector, offer.validUntil));
        market.list(offer);
    }

    function test_list_ofManyParties_succeeds() external {
        Offer memory offer = _offer();
        (offer.payees, offer.operators) = (new Share[](16), new address[](16));
        for (uint256 i = 0; i < 16; i++) {
            offer.payees[i] = Share(address(uint160(i + 1)), i == 0 ? 875 : 0);
            offer.operators[i] = address(uint160(i + 1));
        }
        _list(offer);
    }

    function test_list_revertsWithBadParties() external {
        Offer memory offer = _offer();
        offer.payees = new Share[](17);
        for (uint256 i = 0; i < 17; i++) {
            offer.payees[i] = Share(SELLER, i == 0 ? 875 : 0);
        }
        _expectBadParties(offer);
        offer = _offer();
        offer.payees[1].to = address(0);
        _expectBadParties(offer);
        offer = _offer();
        offer.operators = new address[](0);
        _expectBadParties(offer);
        offer.operators = new address[](17);
        for (uint256 i = 0; i < 17; i++) {
            offer.operators[i] = OPERATOR;
        }
        _expectBadParties(offer);
        offer = _offer();
        offer.operators[0] = address(0);
        _expectBadParties(offer);
    }

    function test_list_revertsWithBadSplit() external {
        Offer memory offer = _offer();
        offer.payees[1].amount += 1;
        _expectBadSplit(offer, 1001, 1000);
        offer.payees[1].amount -= 2;
        _expectBadSplit(offer, 999, 1000);
        offer = _offer();
        offer.nodeFee += 1;
        _expectBadSplit(offer, 1001, 1000);
        offer = _offer();
        offer.price = 0; // somebody would be paid from other orders' money
        _expectBadSplit(offer, 975, 0);
    }

    /// @dev Amounts at the end of their type neither overflow nor wrap to the price.
    function test_list_ofHugeAmounts_revertsWithBadSplit() external {
        Offer memory offer = _offer();
        uint128 max = type(uint128).max;
        (offer.payees[0].amount, offer.payees[1].amount, offer.nodeFee) = (max, max, max);
        _expectBadSplit(offer, uint256(max) * 3 + 25, 1000);
    }

    function test_fuzz_list_takesExactlyWhatAddsUp(uint128 price, uint128 nodeFee, uint128 first, bool off) external {
        Offer memory offer = _offer();
        uint256 fee = uint256(price) * FEE_BPS / 10_000;
        uint256 left = price - fee;
        offer.price = price;
        offer.nodeFee = uint128(nodeFee % (left + 1));
        left -= offer.nodeFee;
        offer.payees[0].amount = uint128(first % (left + 1));
        offer.payees[1].amount = uint128(left - offer.payees[0].amount);
        if (off) {
            if (offer.payees[1].amount == type(uint128).max) return;
            offer.payees[1].amount += 1;
            _expectBadSplit(offer, uint256(price) + 1, price);
        } else {
            _list(offer);
        }
    }

    // --- revoke, revokeLicence

    function test_revoke_succeeds() external {
        bytes32 keyId = _list(_offer());
        require(!market.isRevoked(keyId));
        VM.expectEmit(address(market));
        emit IMarketplace.Revoked(keyId);
        VM.prank(SELLER);
        market.revoke(keyId);
        require(market.isRevoked(keyId));
    }

    function test_revoke_revertsWithNotTheSeller() external {
        bytes32 keyId = _list(_offer());
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotTheSeller.selector, COOWNER));
        VM.prank(COOWNER);
        market.revoke(keyId);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotTheSeller.selector, SELLER));
        VM.prank(SELLER);
        market.revoke("never listed");
    }

    function test_revokeLicence_succeeds() external {
        bytes32 keyId = _list(_offer());
        VM.expectEmit(address(market));
        emit IMarketplace.LicenceRevoked(keyId, "licence");
        VM.prank(SELLER);
        market.revokeLicence(keyId, "licence");
        require(market.isLicenceRevoked(keyId, "licence"));
        require(!market.isLicenceRevoked(keyId, "another") && !market.isLicenceRevoked("another", "licence"));
        require(!market.isRevoked(keyId));
    }

    function test_revokeLicence_revertsWithNotTheSeller() external {
        bytes32 keyId = _list(_offer());
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotTheSeller.selector, BUYER));
        VM.prank(BUYER);
        market.revokeLicence(keyId, "licence");
    }

    // --- helpers

    function _expectBadParties(Offer memory offer) private {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.BadParties.selector));
        VM.prank(SELLER);
        market.list(offer);
    }

    function _expectBadSplit(Offer memory offer, uint256 sum, uint256 price) private {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.BadSplit.selector, sum, price));
        VM.prank(SELLER);
        market.list(offer);
    }
}
