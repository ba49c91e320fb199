// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IMarketplace, Inclusion, Offer, Order, OrderState, Permit} from "../src/IMarketplace.sol";
import {Marketplace} from "../src/Marketplace.sol";
import {UsdfcToken} from "../src/UsdfcToken.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {FeeToken, HookToken} from "./support/OddTokens.sol";
import {Signers} from "./support/Signers.sol";
import {VM} from "./support/Vm.sol";

/// @notice Where the token comes in: permits, payment, withdrawal, and tokens that are not what they should be.
contract MarketplaceTokenTest is MarketFixture {
    function setUp() public override {
        super.setUp();
        _list(_offer());
        _fund(BUYER, 1000);
    }

    // --- permits

    function test_open_withAPermit_succeeds() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        Permit memory permit = _permit();
        VM.prank(BUYER);
        market.open(order, offer, permit);
        _expectState(order, OrderState.Open);
    }

    /// @dev Somebody who saw the permit in the mempool spends it first: the allowance is there all the same.
    function test_open_withAPermitThatWasSpent_succeeds() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        Permit memory permit = _permit();
        usdfc.permit(BUYER, address(market), 1000, permit.deadline, permit.v, permit.r, permit.s);
        VM.prank(BUYER);
        market.open(order, offer, permit);
        _expectState(order, OrderState.Open);
    }

    function test_open_withABadPermit_revertsWithInsufficientAllowance() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        Permit memory permit = _permit();
        permit.s = ~permit.s;
        VM.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, 1000)
        );
        VM.prank(BUYER);
        market.open(order, offer, permit);
    }

    function test_open_revertsWithInsufficientBalance() external {
        Offer memory offer = _offer();
        Order memory order = _order(offer);
        VM.prank(BUYER);
        usdfc.transfer(COOWNER, 1);
        VM.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, BUYER, 999, 1000));
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    // --- withdraw

    function test_withdraw_succeeds() external {
        Order memory order = _recorded();
        _settle(order);
        VM.expectEmit(address(market));
        emit IMarketplace.Withdrawn(SELLER, COOWNER, 800);
        VM.prank(SELLER);
        require(market.withdraw(COOWNER) == 800);
        require(usdfc.balanceOf(COOWNER) == 800 && market.owed(SELLER) == 0 && market.owed(COOWNER) == 75);
        require(market.totalOwed() == 200 && usdfc.balanceOf(address(market)) == 200);
    }

    function test_withdraw_revertsWithNothingOwed() external {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NothingOwed.selector, SELLER));
        VM.prank(SELLER);
        market.withdraw(SELLER);
        _settle(_recorded());
        VM.prank(SELLER);
        market.withdraw(SELLER);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NothingOwed.selector, SELLER));
        VM.prank(SELLER);
        market.withdraw(SELLER);
    }

    function test_withdraw_calledBackByTheToken_revertsWithReentrantCall() external {
        HookToken token = new HookToken();
        market = new Marketplace(token, log, TREASURY, FEE_BPS);
        _list(_offer());
        Order memory order = _order(_offer());
        token.mint(BUYER, 1000);
        VM.prank(BUYER);
        token.approve(address(market), 1000);
        VM.prank(BUYER);
        market.open(order, _offer(), _noPermit());
        VM.warp(order.deadline + 1);
        Inclusion memory none;
        market.refund(order, 0, "", none);
        token.arm();
        VM.expectRevert(abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
        VM.prank(BUYER);
        market.withdraw(BUYER);
    }

    // --- tokens that are not what they should be

    function test_open_withAFeeToken_revertsWithBadToken() external {
        Offer memory offer = _offer();
        FeeToken token = new FeeToken();
        market = new Marketplace(token, log, TREASURY, FEE_BPS);
        _list(offer);
        Order memory order = _order(offer);
        token.mint(BUYER, 1000);
        VM.prank(BUYER);
        token.approve(address(market), 1000);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.BadToken.selector, 990, 1000));
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    function test_open_calledBackByTheToken_revertsWithReentrantCall() external {
        Offer memory offer = _offer();
        HookToken token = new HookToken();
        market = new Marketplace(token, log, TREASURY, FEE_BPS);
        _list(offer);
        Order memory order = _order(offer);
        token.mint(BUYER, 1000);
        VM.prank(BUYER);
        token.approve(address(market), 1000);
        token.arm();
        VM.expectRevert(abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
        VM.prank(BUYER);
        market.open(order, offer, _noPermit());
    }

    // --- the test token

    function test_mint_revertsWithNotTheMinter() external {
        require(usdfc.decimals() == 18 && keccak256(bytes(usdfc.version())) == keccak256("1"));
        VM.expectRevert(abi.encodeWithSelector(UsdfcToken.NotTheMinter.selector, BUYER));
        VM.prank(BUYER);
        usdfc.mint(BUYER, 1);
    }

    // --- helpers

    /// @dev For the price, with no allowance left beside it.
    function _permit() private returns (Permit memory permit) {
        VM.prank(BUYER);
        usdfc.approve(address(market), 0);
        permit.deadline = block.timestamp + 1 hours;
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash =
            keccak256(abi.encode(typeHash, BUYER, address(market), 1000, usdfc.nonces(BUYER), permit.deadline));
        bytes32 digest = Signers.typedDigest("USD for Filecoin Community", block.chainid, address(usdfc), structHash);
        (permit.v, permit.r, permit.s) = VM.sign(BUYER_KEY, digest);
    }
}
