// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title Accounts of FilecoinPay: deposits, lockups and what operators may do
/// @notice Money in an account is free or locked. Rails lock it at a rate per epoch, so the locked part grows with the blocks: an
/// account is settled when `lockupCurrent` has been brought up to the present epoch, and cannot be when it runs dry.
/// @dev Always: `lockupCurrent <= funds`, and the funds of all accounts are at most the contract's token balance.
abstract contract PayAccounts is ReentrancyGuard {
    using SafeERC20 for IERC20;

    struct Account {
        uint256 funds;
        uint256 lockupCurrent;
        /// Sum of the rates of the payer's rails that are not terminated.
        uint256 lockupRate;
        /// Epoch up to which `lockupCurrent` counts.
        uint256 lockupLastSettledAt;
    }

    struct OperatorApproval {
        bool isApproved;
        uint256 rateAllowance;
        uint256 lockupAllowance;
        uint256 rateUsage;
        uint256 lockupUsage;
        uint256 maxLockupPeriod;
    }

    event DepositRecorded(address indexed token, address indexed from, address indexed to, uint256 amount);
    event WithdrawRecorded(address indexed token, address indexed from, address indexed to, uint256 amount);
    event AccountLockupSettled(
        address indexed token,
        address indexed owner,
        uint256 lockupCurrent,
        uint256 lockupRate,
        uint256 lockupLastSettledAt
    );
    event OperatorApprovalUpdated(
        address indexed token,
        address indexed client,
        address indexed operator,
        bool approved,
        uint256 rateAllowance,
        uint256 lockupAllowance,
        uint256 maxLockupPeriod
    );

    error ZeroAddressNotAllowed(string varName);
    error NativeTokenNotAccepted(uint256 sent);
    error SignerMustBeMsgSender(address expected, address actual);
    error InsufficientUnlockedFunds(uint256 available, uint256 requested);
    error LockupExceedsFundsInvariant(address token, address account, uint256 lockupCurrent, uint256 fundsCurrent);
    error OperatorNotApproved(address from, address operator);
    error OperatorRateAllowanceExceeded(uint256 allowed, uint256 attemptedUsage);
    error OperatorLockupAllowanceExceeded(uint256 allowed, uint256 attemptedUsage);

    mapping(address token => mapping(address owner => Account)) public accounts;
    mapping(address token => mapping(address client => mapping(address operator => OperatorApproval))) public
        operatorApprovals;

    /// @notice Pays into the account of `to` from the caller's allowance. Only ERC-20 tokens; FIL is refused.
    function deposit(address token, address to, uint256 amount) external payable {
        if (msg.value > 0) revert NativeTokenNotAccepted(msg.value);
        _deposit(token, to, amount);
    }

    /// @notice Pays into the caller's own account by an EIP-2612 permit.
    function depositWithPermit(
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) public {
        // A permit is public once it is in the mempool: only its signer may spend it, and only on itself.
        if (to != msg.sender) revert SignerMustBeMsgSender(to, msg.sender);
        IERC20Permit(token).permit(to, address(this), amount, deadline, v, r, s);
        _deposit(token, to, amount);
    }

    /// @notice Pays in and lets an operator make rails, in one transaction.
    function depositWithPermitAndApproveOperator(
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s,
        address operator,
        uint256 rateAllowance,
        uint256 lockupAllowance,
        uint256 maxLockupPeriod
    ) external {
        depositWithPermit(token, to, amount, deadline, v, r, s);
        setOperatorApproval(token, operator, true, rateAllowance, lockupAllowance, maxLockupPeriod);
    }

    /// @notice Says what an operator may lock of the caller's money. What it uses already stays used.
    function setOperatorApproval(
        address token,
        address operator,
        bool approved,
        uint256 rateAllowance,
        uint256 lockupAllowance,
        uint256 maxLockupPeriod
    ) public {
        if (operator == address(0)) revert ZeroAddressNotAllowed("operator");
        OperatorApproval storage approval = operatorApprovals[token][msg.sender][operator];
        approval.isApproved = approved;
        approval.rateAllowance = rateAllowance;
        approval.lockupAllowance = lockupAllowance;
        approval.maxLockupPeriod = maxLockupPeriod;
        emit OperatorApprovalUpdated(
            token, msg.sender, operator, approved, rateAllowance, lockupAllowance, maxLockupPeriod
        );
    }

    /// @notice Takes unlocked money out of the caller's account.
    function withdraw(address token, uint256 amount) external {
        withdrawTo(token, msg.sender, amount);
    }

    function withdrawTo(address token, address to, uint256 amount) public nonReentrant {
        if (to == address(0)) revert ZeroAddressNotAllowed("to");
        Account storage account = accounts[token][msg.sender];
        _settleLockup(token, msg.sender, account);
        uint256 available = account.funds - account.lockupCurrent;
        if (amount > available) revert InsufficientUnlockedFunds(available, amount);
        account.funds -= amount;
        emit WithdrawRecorded(token, msg.sender, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @notice What `accounts` would say if the account were settled now.
    /// @return fundedUntilEpoch Epoch at which the free part runs out; the greatest number if nothing is spent
    function getAccountInfoIfSettled(address token, address owner)
        external
        view
        returns (uint256 fundedUntilEpoch, uint256 currentFunds, uint256 availableFunds, uint256 currentLockupRate)
    {
        Account memory account = accounts[token][owner];
        (uint256 lockup,) = _settled(account);
        fundedUntilEpoch = account.lockupRate == 0
            ? type(uint256).max
            : account.lockupLastSettledAt + (account.funds - account.lockupCurrent) / account.lockupRate;
        return (fundedUntilEpoch, account.funds, account.funds - lockup, account.lockupRate);
    }

    function _deposit(address token, address to, uint256 amount) private nonReentrant {
        if (to == address(0)) revert ZeroAddressNotAllowed("to");
        Account storage account = accounts[token][to];
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        // What arrived, not what was announced: a token may keep a fee.
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        account.funds += received;
        _settleLockup(token, to, account);
        emit DepositRecorded(token, msg.sender, to, received);
    }

    /// @dev Brings the locked part up to the present epoch, or as far as the money goes.
    function _settleLockup(address token, address owner, Account storage account) internal {
        (uint256 lockup, uint256 settledAt) = _settled(account);
        if (settledAt == account.lockupLastSettledAt) return;
        account.lockupCurrent = lockup;
        account.lockupLastSettledAt = settledAt;
        emit AccountLockupSettled(token, owner, lockup, account.lockupRate, settledAt);
    }

    function _settled(Account memory account) private view returns (uint256 lockup, uint256 settledAt) {
        if (account.lockupRate == 0) return (account.lockupCurrent, block.number);
        uint256 epochs = block.number - account.lockupLastSettledAt;
        uint256 affordable = (account.funds - account.lockupCurrent) / account.lockupRate;
        if (affordable < epochs) epochs = affordable;
        return (account.lockupCurrent + account.lockupRate * epochs, account.lockupLastSettledAt + epochs);
    }

    /// @dev Moves the locked part of a payer and the operator's use of its allowance by the same amount.
    function _changeLockup(
        address token,
        address owner,
        OperatorApproval storage approval,
        uint256 oldLockup,
        uint256 newLockup
    ) internal {
        Account storage account = accounts[token][owner];
        account.lockupCurrent = account.lockupCurrent - oldLockup + newLockup;
        if (account.lockupCurrent > account.funds) {
            revert LockupExceedsFundsInvariant(token, owner, account.lockupCurrent, account.funds);
        }
        uint256 usage = approval.lockupUsage > oldLockup ? approval.lockupUsage - oldLockup : 0;
        approval.lockupUsage = usage + newLockup;
        if (newLockup > oldLockup && approval.lockupUsage > approval.lockupAllowance) {
            revert OperatorLockupAllowanceExceeded(approval.lockupAllowance, approval.lockupUsage);
        }
    }

    function _changeRate(
        address token,
        address owner,
        OperatorApproval storage approval,
        uint256 oldRate,
        uint256 newRate
    ) internal {
        Account storage account = accounts[token][owner];
        account.lockupRate = account.lockupRate - oldRate + newRate;
        uint256 usage = approval.rateUsage > oldRate ? approval.rateUsage - oldRate : 0;
        approval.rateUsage = usage + newRate;
        if (newRate > oldRate && approval.rateUsage > approval.rateAllowance) {
            revert OperatorRateAllowanceExceeded(approval.rateAllowance, approval.rateUsage);
        }
    }
}
