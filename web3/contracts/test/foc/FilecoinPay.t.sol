// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {FilecoinPay} from "../../src/foc/FilecoinPay.sol";
import {IFilecoinPay, IValidator} from "../../src/foc/IFilecoinPay.sol";
import {IFilecoinPayEvents} from "../../src/foc/IFilecoinPayEvents.sol";
import {PayAccounts} from "../../src/foc/PayAccounts.sol";
import {FocTest} from "./FocTest.sol";

contract HalfValidator is IValidator {
    function validatePayment(uint256, uint256 amount, uint256, uint256 to, uint256)
        external
        pure
        returns (ValidationResult memory)
    {
        return ValidationResult(amount / 2, to, "half");
    }

    function railTerminated(uint256, address, uint256) external {}
}

contract GreedyValidator is IValidator {
    function validatePayment(uint256, uint256 amount, uint256, uint256 to, uint256)
        external
        pure
        returns (ValidationResult memory)
    {
        return ValidationResult(amount + 1, to, "");
    }

    function railTerminated(uint256, address, uint256) external {}
}

/// @dev This contract is the operator of the rails.
contract FilecoinPayTest is FocTest {
    address private constant SELLER = address(0x5E11);
    uint256 private constant RATE = 10;
    uint256 private constant LOCKUP = 100;
    address private token;

    function setUp() public override {
        super.setUp();
        token = address(usdfc);
        VM.prank(client);
        usdfc.approve(address(pay), type(uint256).max);
    }

    // --- accounts

    function test_deposit_succeeds() public {
        depositAs(client, 5000);
        (uint256 funds, uint256 locked,,) = pay.accounts(token, client);
        require(funds == 5000 && locked == 0 && usdfc.balanceOf(address(pay)) == 5000, "funds");
    }

    function test_depositWithPermit_succeedsOnceAndOnlyForTheSigner() public {
        VM.prank(client);
        usdfc.approve(address(pay), 0);
        (uint8 v, bytes32 r, bytes32 s) = permit(700, block.timestamp + 60);
        VM.expectRevert(abi.encodeWithSelector(PayAccounts.SignerMustBeMsgSender.selector, client, address(this)));
        pay.depositWithPermit(token, client, 700, block.timestamp + 60, v, r, s);
        VM.prank(client);
        pay.depositWithPermitAndApproveOperator(
            token, client, 700, block.timestamp + 60, v, r, s, address(this), 1, 2, 3
        );
        (uint256 funds,,,) = pay.accounts(token, client);
        (bool approved, uint256 rate, uint256 lockup,,, uint256 period) =
            pay.operatorApprovals(token, client, address(this));
        require(funds == 700 && approved && rate == 1 && lockup == 2 && period == 3, "approved");
        VM.prank(client);
        VM.expectRevert();
        pay.depositWithPermit(token, client, 700, block.timestamp + 60, v, r, s);
    }

    function test_deposit_revertsWithNativeTokenNotAccepted() public {
        VM.expectRevert(abi.encodeWithSelector(PayAccounts.NativeTokenNotAccepted.selector, 1));
        pay.deposit{value: 1}(token, client, 0);
    }

    function test_withdraw_revertsAboveWhatIsFree() public {
        uint256 rail = openRail(address(0));
        VM.roll(block.number + 7);
        uint256 free = 5000 - RATE * LOCKUP - 7 * RATE;
        VM.prank(client);
        VM.expectRevert(abi.encodeWithSelector(PayAccounts.InsufficientUnlockedFunds.selector, free, free + 1));
        pay.withdraw(token, free + 1);
        VM.prank(client);
        pay.withdraw(token, free);
        require(usdfc.balanceOf(address(pay)) == 5000 - free, "left");
        VM.roll(block.number + LOCKUP);
        terminate(rail); // in debt at once, and yet paid for its lockup
        pay.settleRail(rail, block.number);
        require(paidTo(SELLER) + paidTo(address(pay)) == RATE * (LOCKUP + 7), "paid");
    }

    // --- rails

    function test_createRail_revertsWithOperatorNotApproved() public {
        VM.expectRevert(abi.encodeWithSelector(PayAccounts.OperatorNotApproved.selector, client, address(this)));
        pay.createRail(token, client, SELLER, address(0), 0, address(0));
    }

    function test_modifyRail_revertsAboveTheAllowances() public {
        depositAs(client, 5000);
        approve(RATE, RATE * LOCKUP, LOCKUP);
        uint256 rail = pay.createRail(token, client, SELLER, address(0), 0, address(0));
        VM.expectRevert(
            abi.encodeWithSelector(
                IFilecoinPayEvents.LockupPeriodExceedsOperatorMaximum.selector, token, address(this), LOCKUP, LOCKUP + 1
            )
        );
        pay.modifyRailLockup(rail, LOCKUP + 1, 0);
        pay.modifyRailLockup(rail, LOCKUP, 0);
        VM.expectRevert(abi.encodeWithSelector(PayAccounts.OperatorRateAllowanceExceeded.selector, RATE, RATE + 1));
        pay.modifyRailPayment(rail, RATE + 1, 0);
        pay.modifyRailPayment(rail, RATE, 0);
        VM.expectRevert(
            abi.encodeWithSelector(
                PayAccounts.OperatorLockupAllowanceExceeded.selector, RATE * LOCKUP, RATE * LOCKUP + 1
            )
        );
        pay.modifyRailLockup(rail, LOCKUP, 1);
    }

    function test_modifyRailPayment_revertsWithoutTheMoneyForItsLockup() public {
        depositAs(client, RATE * LOCKUP - 1);
        approve(1000, 100_000, LOCKUP);
        uint256 rail = pay.createRail(token, client, SELLER, address(0), 0, address(0));
        pay.modifyRailLockup(rail, LOCKUP, 0);
        VM.expectRevert(
            abi.encodeWithSelector(
                PayAccounts.LockupExceedsFundsInvariant.selector, token, client, RATE * LOCKUP, RATE * LOCKUP - 1
            )
        );
        pay.modifyRailPayment(rail, RATE, 0);
    }

    function test_modifyRail_revertsForAnyoneButItsOperator() public {
        uint256 rail = openRail(address(0));
        VM.prank(client);
        VM.expectRevert(
            abi.encodeWithSelector(IFilecoinPayEvents.OnlyRailOperatorAllowed.selector, address(this), client)
        );
        pay.modifyRailPayment(rail, 0, 0);
    }

    function test_settleRail_paysEachRateForItsEpochs() public {
        uint256 rail = openRail(address(0));
        VM.roll(block.number + 3);
        pay.modifyRailPayment(rail, 20, 0);
        VM.roll(block.number + 4);
        pay.modifyRailPayment(rail, 0, 0);
        VM.roll(block.number + 5);
        pay.modifyRailPayment(rail, 5, 0);
        VM.roll(block.number + 6);
        (uint256 settled, uint256 net,, uint256 fee, uint256 upTo,) = pay.settleRail(rail, block.number);
        require(settled == 3 * RATE + 4 * 20 + 6 * 5 && net + fee == settled && upTo == block.number, "settled");
        require(pay.getRateChangeQueueSize(rail) == 0, "queue");
        (uint256 again,,,,,) = pay.settleRail(rail, block.number);
        require(again == 0, "paid twice");
        checkBooks(5 * LOCKUP);
    }

    function test_settleRail_stopsWhereTheMoneyEnds() public {
        uint256 rail = openRail(address(0));
        VM.roll(block.number + 1000);
        pay.settleRail(rail, block.number);
        // everything but the lockup period's pay
        require(paidTo(SELLER) + paidTo(address(pay)) == 5000 - RATE * LOCKUP, "paid");
        VM.prank(client);
        VM.expectRevert();
        pay.terminateRail(rail); // a payer in debt cannot walk away
        terminate(rail);
        VM.roll(block.number + LOCKUP + 1);
        pay.settleRail(rail, block.number);
        require(paidTo(SELLER) + paidTo(address(pay)) == 5000, "the rest");
    }

    function test_settleRail_revertsWithCannotSettleFutureEpochs() public {
        uint256 rail = openRail(address(0));
        VM.expectRevert(
            abi.encodeWithSelector(
                IFilecoinPayEvents.CannotSettleFutureEpochs.selector, rail, block.number, block.number + 1
            )
        );
        pay.settleRail(rail, block.number + 1);
    }

    function test_settleRail_heedsItsValidator() public {
        uint256 rail = openRail(address(new HalfValidator()));
        VM.roll(block.number + 10);
        (uint256 settled,,,,, string memory note) = pay.settleRail(rail, block.number);
        require(settled == 5 * RATE && keccak256(bytes(note)) == keccak256("half"), "half");
        checkBooks(RATE * LOCKUP);

        uint256 greedy = openRail(address(new GreedyValidator()));
        VM.roll(block.number + 10);
        VM.expectRevert(
            abi.encodeWithSelector(
                IFilecoinPayEvents.ValidatorModifiedAmountExceedsMaximum.selector, greedy, 10 * RATE, 10 * RATE + 1
            )
        );
        pay.settleRail(greedy, block.number);
    }

    function test_modifyRailPayment_paysOnceFromWhatIsSetAside() public {
        uint256 rail = openRail(address(0));
        pay.modifyRailLockup(rail, LOCKUP, 200);
        VM.expectRevert(abi.encodeWithSelector(IFilecoinPayEvents.OneTimePaymentExceedsLockup.selector, rail, 200, 201));
        pay.modifyRailPayment(rail, RATE, 201);
        pay.modifyRailPayment(rail, RATE, 150);
        require(paidTo(SELLER) == 149 && paidTo(address(pay)) == 1, "fee is 1/200, rounded up");
        checkBooks(RATE * LOCKUP + 50);
    }

    function test_terminateRail_givesBackWhatWasNotUsed() public {
        uint256 rail = openRail(address(0));
        pay.modifyRailLockup(rail, LOCKUP, 200);
        VM.roll(block.number + 10);
        VM.prank(client);
        pay.terminateRail(rail);
        VM.expectRevert(abi.encodeWithSelector(IFilecoinPayEvents.RailAlreadyTerminated.selector, rail));
        pay.terminateRail(rail);
        VM.expectRevert(abi.encodeWithSelector(IFilecoinPayEvents.RateChangeNotAllowedOnTerminatedRail.selector, rail));
        pay.modifyRailPayment(rail, RATE + 1, 0);
        uint256 end = block.number + LOCKUP;
        VM.roll(end);
        VM.prank(client);
        VM.expectRevert(
            abi.encodeWithSelector(
                IFilecoinPayEvents.CannotSettleTerminatedRailBeforeMaxEpoch.selector, rail, end + 1, end
            )
        );
        pay.settleTerminatedRailWithoutValidation(rail);
        VM.roll(end + 1);
        pay.settleRail(rail, block.number);
        require(paidTo(SELLER) + paidTo(address(pay)) == RATE * (10 + LOCKUP), "paid to its end");
        checkBooks(0);
        (,,, uint256 rateUsed, uint256 lockupUsed,) = pay.operatorApprovals(token, client, address(this));
        require(rateUsed == 0 && lockupUsed == 0, "allowance is free again");
        VM.expectRevert(abi.encodeWithSelector(IFilecoinPayEvents.RailInactiveOrSettled.selector, rail));
        pay.getRail(rail);
    }

    function test_getRails_pages() public {
        uint256 first = openRail(address(0));
        pay.createRail(token, client, SELLER, address(0), 0, address(0));
        terminate(first);
        (FilecoinPay.RailInfo[] memory rails, uint256 next, uint256 total) =
            pay.getRailsForPayerAndToken(client, token, 1, 5);
        require(rails.length == 1 && next == 2 && total == 2 && !rails[0].isTerminated, "payer");
        (rails,,) = pay.getRailsForPayeeAndToken(SELLER, token, 0, 0);
        require(rails.length == 2 && rails[0].isTerminated && rails[0].endEpoch == block.number + LOCKUP, "payee");
    }

    /// @dev Whatever happens in whatever order: no money is made, none is lost, and what is locked is there.
    function test_fuzz_books_balance(uint256[24] memory actions) public {
        depositAs(client, 5000);
        approve(1000, 100_000, LOCKUP);
        uint256[3] memory rails;
        for (uint256 i = 0; i < 3; i++) {
            rails[i] = pay.createRail(token, client, SELLER, address(0), i * 500, address(this));
            pay.modifyRailLockup(rails[i], LOCKUP, 0);
        }
        for (uint256 i = 0; i < actions.length; i++) {
            uint256 rail = rails[actions[i] % 3];
            uint256 value = (actions[i] >> 16) % 40;
            uint256 kind = (actions[i] >> 8) % 8;
            if (kind == 0) VM.roll(block.number + value * 5);
            if (kind == 1) try pay.modifyRailPayment(rail, value, 0) {} catch {}
            if (kind == 2) try pay.modifyRailLockup(rail, LOCKUP, value) {} catch {}
            if (kind == 3) try pay.modifyRailPayment(rail, value, value / 2) {} catch {}
            if (kind == 4) try pay.settleRail(rail, block.number) {} catch {}
            if (kind == 5) try pay.terminateRail(rail) {} catch {}
            if (kind == 6) depositAs(client, value);
            if (kind == 7) {
                VM.prank(client);
                try pay.withdraw(token, value * 10) {} catch {}
            }
            (uint256 funds, uint256 locked,,) = pay.accounts(token, client);
            require(locked <= funds, "locked more than there is");
            uint256 all = funds + paidTo(SELLER) + paidTo(address(pay)) + paidTo(address(this));
            require(all == usdfc.balanceOf(address(pay)), "books");
        }
        for (uint256 i = 0; i < 3; i++) {
            try pay.terminateRail(rails[i]) {} catch {}
        }
        VM.roll(block.number + LOCKUP + 1);
        for (uint256 i = 0; i < 3; i++) {
            try pay.settleRail(rails[i], block.number) {} catch {}
        }
        (, uint256 left,,) = pay.accounts(token, client);
        require(left == 0, "nothing stays locked once all rails have ended");
    }

    // --- helpers

    function depositAs(address who, uint256 amount) private {
        VM.prank(who);
        pay.deposit(token, who, amount);
    }

    function approve(uint256 rate, uint256 lockup, uint256 period) private {
        VM.prank(client);
        pay.setOperatorApproval(token, address(this), true, rate, lockup, period);
    }

    function openRail(address validator) private returns (uint256 rail) {
        depositAs(client, 5000);
        approve(1000, 100_000, LOCKUP);
        rail = pay.createRail(token, client, SELLER, validator, 0, address(0));
        pay.modifyRailLockup(rail, LOCKUP, 0);
        pay.modifyRailPayment(rail, RATE, 0);
    }

    function terminate(uint256 rail) private {
        pay.terminateRail(rail);
    }

    function paidTo(address who) private view returns (uint256 funds) {
        (funds,,,) = pay.accounts(token, who);
    }

    function checkBooks(uint256 expectedLock) private view {
        (uint256 funds, uint256 locked,,) = pay.accounts(token, client);
        require(locked == expectedLock, "locked");
        require(funds + paidTo(SELLER) + paidTo(address(pay)) == usdfc.balanceOf(address(pay)), "books");
    }

    function permit(uint256 amount, uint256 deadline) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                client,
                address(pay),
                amount,
                usdfc.nonces(client),
                deadline
            )
        );
        return VM.sign(CLIENT_KEY, keccak256(abi.encodePacked("\x19\x01", usdfc.DOMAIN_SEPARATOR(), structHash)));
    }
}
