// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Completion, Inclusion, Offer, Order, Permit, Share} from "../../src/IMarketplace.sol";
import {LogEntry} from "../../src/LogEntry.sol";
import {Marketplace} from "../../src/Marketplace.sol";
import {UsdfcToken} from "../../src/UsdfcToken.sol";
import {Digests} from "./Digests.sol";
import {OneEntryLog} from "./OneEntryLog.sol";
import {Signers} from "./Signers.sol";
import {VM} from "./Vm.sol";

/// @notice Random buyers, payees (repeated, or the buyer), prices (or none), workers, revocations and time. Every step is
/// tried whether it is legal or not, and must go through exactly if the handler's own book says that it may.
contract MarketHandler {
    struct Run {
        bytes order;
        bytes shares;
        uint256 workerKey;
        uint256 amount;
        bool recorded;
        uint256 closed;
    }

    uint256 private constant OPERATOR_KEY = 2;
    uint256 private constant KEYS = 3;
    uint256 private constant ACTORS = 6;

    UsdfcToken public immutable usdfc = new UsdfcToken();
    OneEntryLog private immutable log = new OneEntryLog();
    Marketplace public immutable market;
    Run[] private runs;
    mapping(bytes32 keyId => bool) public revoked;
    mapping(bytes32 keyId => mapping(bytes32 licence => bool)) public licenceRevoked;
    uint256 public deposited;
    uint256 public withdrawn;
    Inclusion private none;

    constructor() {
        VM.warp(1_800_000_000);
        market = new Marketplace(usdfc, log, actor(0), 250);
    }

    function actor(uint256 i) public pure returns (address) {
        return address(uint160(0xA0 + i % ACTORS));
    }

    function count() external view returns (uint256) {
        return runs.length;
    }

    function run(uint256 i) public view returns (Run memory r, Order memory order) {
        r = runs[i % runs.length];
        order = abi.decode(r.order, (Order));
    }

    // --- steps

    function open(uint256 who, uint256 dataset, uint96 unit, uint256 x) external {
        Offer memory offer = _offer(dataset, x % 5 == 0 ? 0 : unit, x);
        bytes32 keyId = keccak256(abi.encode(offer.seller, offer.datasetId, offer.version));
        bool may = !revoked[keyId];
        try market.list(offer) {
            require(may, "listed a revoked key");
        } catch {
            require(!may, "not listed");
            return;
        }
        Order memory order;
        (order.keyId, order.offer, order.buyer) = (keyId, Digests.offer(address(market), offer), actor(who));
        (order.operator, order.licence) = (VM.addr(OPERATOR_KEY), bytes32(x % 2));
        order.epsilonMicros = uint64((x >> 40) % 4_000_000);
        (order.deadline, order.salt) = (uint64(block.timestamp + 1 + x % 2 days), bytes32(runs.length));
        uint256 amount = _amount(offer, order.epsilonMicros);
        usdfc.mint(order.buyer, amount);
        VM.prank(order.buyer);
        usdfc.approve(address(market), amount);
        may = !licenceRevoked[keyId][order.licence] && order.epsilonMicros <= offer.maxEpsilonMicros;
        Permit memory noPermit;
        VM.prank(order.buyer);
        try market.open(order, offer, noPermit) {
            require(may, "opened under a revoked licence");
        } catch {
            require(!may, "not opened");
            return;
        }
        runs.push(Run(abi.encode(order), abi.encode(_shares(offer, amount)), 1000 + runs.length, amount, false, 0));
        deposited += amount;
    }

    function record(uint256 i, uint256 workerOf) external {
        if (runs.length == 0) return;
        (Run memory r, Order memory order) = run(i);
        // Now and then with the worker of another order, which may be used up.
        Run storage other = runs[(workerOf % 4 == 0 ? workerOf : i) % runs.length];
        address worker = VM.addr(other.workerKey);
        bool may = !r.recorded && r.closed == 0 && block.timestamp <= order.deadline && !revoked[order.keyId]
            && !licenceRevoked[order.keyId][order.licence] && market.orderOf(worker) == 0;
        bytes32 id = Digests.order(address(market), order);
        bytes memory signature = Signers.sign(OPERATOR_KEY, Digests.assign(address(market), id, worker));
        Inclusion memory inclusion = _log("access-granted", Digests.access(address(market), id, order, worker));
        try market.recordAccess(order, worker, signature, inclusion) {
            require(may, "recorded");
            runs[i % runs.length].recorded = true;
            runs[i % runs.length].workerKey = other.workerKey;
        } catch {
            require(!may, "not recorded");
        }
    }

    function settle(uint256 i, bool stranger) external {
        if (runs.length == 0) return;
        (Run memory r, Order memory order) = run(i);
        uint256 key = stranger ? 3 : r.workerKey;
        bool may = r.recorded && r.closed == 0 && block.timestamp <= order.deadline && !stranger;
        Completion memory completion = Completion(VM.addr(key), "weights", "ciphertext");
        bytes32 digest = Digests.completion(address(market), Digests.order(address(market), order), completion);
        bytes memory signature = Signers.sign(key, digest);
        Inclusion memory inclusion = _log("training-completed", digest);
        try market.settle(order, abi.decode(r.shares, (Share[])), completion, signature, inclusion) {
            require(may, "settled");
            runs[i % runs.length].closed++;
        } catch {
            require(!may, "not settled");
        }
    }

    function refund(uint256 i, bool refused) external {
        if (runs.length == 0) return;
        (Run memory r, Order memory order) = run(i);
        bool may = r.closed == 0 && (refused || block.timestamp > order.deadline);
        bytes32 digest = Digests.refusal(address(market), Digests.order(address(market), order), "reason");
        bytes memory signature = refused ? Signers.sign(OPERATOR_KEY, digest) : bytes("");
        Inclusion memory inclusion = refused ? _log("training-refused", digest) : none;
        try market.refund(order, "reason", signature, inclusion) {
            require(may, "refunded");
            runs[i % runs.length].closed++;
        } catch {
            require(!may, "not refunded");
        }
    }

    function withdraw(uint256 who) external {
        address account = actor(who);
        uint256 due = market.owed(account);
        VM.prank(account);
        try market.withdraw(account) returns (uint256 amount) {
            require(amount == due && due > 0, "withdrawn");
            withdrawn += amount;
        } catch {
            require(due == 0, "not withdrawn");
        }
    }

    function revoke(uint256 dataset, uint256 x) external {
        bytes32 keyId = keccak256(abi.encode(address(this), bytes32(dataset % KEYS), uint32(1)));
        if (market.sellerOf(keyId) == address(0)) return;
        if (x % 40 == 0) {
            revoked[keyId] = true;
            market.revoke(keyId);
        } else if (x % 10 == 0) {
            licenceRevoked[keyId][bytes32(x / 10 % 2)] = true;
            market.revokeLicence(keyId, bytes32(x / 10 % 2));
        }
    }

    function pass(uint256 time) external {
        VM.warp(block.timestamp + time % 8 hours);
    }

    // --- helpers

    function _offer(uint256 dataset, uint256 unit, uint256 x) private view returns (Offer memory offer) {
        (offer.datasetId, offer.version, offer.seller) = (bytes32(dataset % KEYS), 1, address(this));
        offer.payees = new Share[](1 + x % 4);
        offer.price = uint128(unit * (offer.payees.length + 2));
        offer.nodeFee = uint128(unit);
        (offer.pricePerEpsilon, offer.maxEpsilonMicros) = (uint128(unit / 3), x % 7 == 0 ? 0 : 3_000_000);
        uint256 left = offer.price - unit - uint256(offer.price) * 250 / 10_000;
        for (uint256 i = 0; i < offer.payees.length; i++) {
            uint256 amount = i + 1 == offer.payees.length ? left : unit;
            offer.payees[i] = Share(actor(x >> (8 * (i + 1))), uint128(amount));
            left -= amount;
        }
        offer.operators = new address[](1);
        offer.operators[0] = VM.addr(OPERATOR_KEY);
        offer.validUntil = uint64(block.timestamp);
    }

    function _amount(Offer memory offer, uint64 epsilonMicros) private pure returns (uint256) {
        uint256 charged = epsilonMicros == 0 ? offer.maxEpsilonMicros : epsilonMicros;
        return offer.price + (offer.pricePerEpsilon * charged + 999_999) / 1_000_000;
    }

    function _shares(Offer memory offer, uint256 amount) private pure returns (Share[] memory shares) {
        shares = new Share[](offer.payees.length + 3);
        uint256 n = 0;
        for (uint256 i = 0; i < offer.payees.length; i++) {
            if (offer.payees[i].amount > 0) shares[n++] = offer.payees[i];
        }
        if (offer.nodeFee > 0) shares[n++] = Share(offer.operators[0], offer.nodeFee);
        uint256 fee = amount * 250 / 10_000;
        uint256 left = amount - fee;
        for (uint256 i = 0; i < n; i++) {
            left -= shares[i].amount;
        }
        if (left > 0) shares[n++] = Share(offer.seller, uint128(left));
        if (fee > 0) shares[n++] = Share(actor(0), uint128(fee));
        assembly ("memory-safe") {
            mstore(shares, n)
        }
    }

    function _log(string memory kind, bytes32 digest) private returns (Inclusion memory inclusion) {
        (bytes32 high, bytes32 low) = LogEntry.hexDigits(digest);
        inclusion.size = 1;
        inclusion.entry = abi.encodePacked("weighbridge/v1 ", kind, " ", high, low, "\n{}");
        log.set(inclusion.entry);
    }
}
