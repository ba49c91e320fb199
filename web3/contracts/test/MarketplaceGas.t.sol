// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Completion, Inclusion, NewCheckpoint, Order} from "../src/IMarketplace.sol";
import {LogEntry} from "../src/LogEntry.sol";
import {Digests} from "./support/Digests.sol";
import {MadeUpTree} from "./support/MadeUpTree.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {VM} from "./support/Vm.sol";

/// @notice What the calls cost in a log of a million entries, as whole transactions: 21,000 and calldata included.
/// Written to `snapshots/`, which is committed, so that a change shows in review.
/// forge-config: default.isolate = true
contract MarketplaceGasTest is MarketFixture {
    using MadeUpTree for MadeUpTree.Tree;

    uint64 private constant SIZE = 1_000_000;
    uint64 private constant OLD_SIZE = SIZE - 777;
    /// @dev Of a real `access-granted` record: header line and DSSE envelope.
    uint256 private constant ENTRY_BYTES = 1_319;

    function test_recordAccess_staysBelow130k() external {
        Order memory order = _second();
        (MadeUpTree.Tree memory tree, Inclusion memory inclusion) = _grantedAt(order, 333_333);
        _anchorAt(tree.root(), SIZE, new bytes32[](0));
        require(inclusion.entry.length == ENTRY_BYTES && inclusion.proof.length == 20);
        bytes memory signature = _assign(order, WORKER, OPERATOR_KEY);
        market.recordAccess(order, WORKER, signature, inclusion);
        _snapshot("recordAccess, 1 million entries", 130_000);
    }

    function test_anchorAndRecord_staysBelow200k() external {
        Order memory order = _second();
        (MadeUpTree.Tree memory tree, Inclusion memory inclusion) = _grantedAt(order, SIZE - 500);
        _anchorAt(tree.oldRoot(), OLD_SIZE, new bytes32[](0));
        NewCheckpoint memory checkpoint = _sign(tree.root(), SIZE, tree.consistency());
        require(inclusion.entry.length == ENTRY_BYTES && checkpoint.proof.length + inclusion.proof.length >= 30);
        bytes memory signature = _assign(order, WORKER, OPERATOR_KEY);
        market.anchorAndRecord(checkpoint, order, WORKER, signature, inclusion);
        _snapshot("anchorAndRecord, 1 million entries", 200_000);
    }

    function test_settle_staysBelow250k() external {
        Order memory order = _recorded();
        (Completion memory completion, bytes memory signature, Inclusion memory inclusion) = _completed(order);
        market.settle(order, _shares(), completion, signature, inclusion);
        _snapshot("settle, four new payees, small log", 250_000);
    }

    function test_open_staysBelow250k() external {
        _second();
        _snapshot("open, four shares", 250_000);
    }

    // --- helpers

    /// @dev The second order is the usual one: the first writes to slots that are zero once in the contract's life.
    function _second() private returns (Order memory order) {
        _opened();
        order = _order(_offer());
        _fund(BUYER, 1000);
        VM.prank(BUYER);
        market.open(order, _offer(), _noPermit());
    }

    /// @dev The record of an access as entry `index` of a million.
    function _grantedAt(Order memory order, uint64 index)
        private
        view
        returns (MadeUpTree.Tree memory tree, Inclusion memory inclusion)
    {
        (bytes32 high, bytes32 low) = LogEntry.hexDigits(Digests.access(address(market), _id(order), order, WORKER));
        bytes memory header = abi.encodePacked("weighbridge/v1 access-granted ", high, low, "\n");
        inclusion.entry = bytes.concat(header, new bytes(ENTRY_BYTES - header.length));
        for (uint256 i = header.length; i < ENTRY_BYTES; i++) {
            inclusion.entry[i] = "A"; // zero bytes would cost a quarter
        }
        bytes32 leaf = sha256(abi.encodePacked(bytes1(0), inclusion.entry));
        tree = MadeUpTree.Tree("million", SIZE, OLD_SIZE, index, leaf);
        (inclusion.size, inclusion.index, inclusion.proof) = (SIZE, index, tree.inclusion());
    }

    function _anchorAt(bytes32 root, uint64 size, bytes32[] memory proof) private {
        NewCheckpoint memory c = _sign(root, size, proof);
        log.anchor(c.size, c.root, c.proof, c.signatures);
    }

    function _snapshot(string memory name, uint256 limit) private {
        uint256 gas = VM.lastCallGas().gasTotalUsed;
        require(gas > 21_000 && gas < limit, name);
        VM.snapshotValue("Marketplace", name, gas);
    }
}
