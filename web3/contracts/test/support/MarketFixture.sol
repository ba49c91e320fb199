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
    Permit,
    Share
} from "../../src/IMarketplace.sol";
import {LogAnchor} from "../../src/LogAnchor.sol";
import {LogEntry} from "../../src/LogEntry.sol";
import {Marketplace} from "../../src/Marketplace.sol";
import {UsdfcToken} from "../../src/UsdfcToken.sol";
import {Digests} from "./Digests.sol";
import {Signers} from "./Signers.sol";
import {SmallTree} from "./SmallTree.sol";
import {VM} from "./Vm.sol";

/// @notice The real contracts, a log of few entries, and the steps of an order's way.
abstract contract MarketFixture {
    using SmallTree for bytes32[];

    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant FEE_BPS = 250;
    bytes32 internal constant ORIGIN = keccak256("log.example/test");
    uint256 internal constant OPERATOR_KEY = 0x09;
    uint256 internal constant WORKER_KEY = 0x3012;
    uint256 internal constant BUYER_KEY = 0xb1;
    address internal constant SELLER = address(0x5e11e1);
    address internal constant COOWNER = address(0xc0);
    address internal constant TREASURY = address(0x74ea);
    address internal immutable OPERATOR = VM.addr(OPERATOR_KEY);
    address internal immutable WORKER = VM.addr(WORKER_KEY);
    address internal immutable BUYER = VM.addr(BUYER_KEY);

    UsdfcToken internal usdfc;
    LogAnchor internal log;
    Marketplace internal market;
    bytes32[] internal leaves;
    bytes[] internal entries;
    /// @dev Three witnesses, quorum two; their addresses ascend.
    uint256[] internal witnessKeys;
    uint256 private salts;

    function setUp() public virtual {
        VM.warp(START);
        witnessKeys = Signers.ascending(3);
        address[] memory signers = new address[](3);
        for (uint256 i = 0; i < 3; i++) {
            signers[i] = VM.addr(witnessKeys[i]);
        }
        usdfc = new UsdfcToken();
        log = new LogAnchor(ORIGIN, signers, 2);
        market = new Marketplace(usdfc, log, TREASURY, FEE_BPS);
        _append("job-settled", "something that was there before");
    }

    // --- offers and orders

    /// @dev 1000: 25 for the protocol, 100 for the node, 800 and 75 for the owners.
    function _offer() internal view returns (Offer memory offer) {
        offer.datasetId = "digits";
        offer.version = 1;
        offer.seller = SELLER;
        offer.price = 1000;
        offer.nodeFee = 100;
        offer.payees = new Share[](2);
        offer.payees[0] = Share(SELLER, 800);
        offer.payees[1] = Share(COOWNER, 75);
        offer.operators = new address[](2);
        (offer.operators[0], offer.operators[1]) = (address(0x0bef), OPERATOR);
        offer.termsDigest = "terms";
        offer.manifestDigest = "manifest";
        offer.validUntil = uint64(START + 60 days);
    }

    function _shares() internal view returns (Share[] memory shares) {
        shares = new Share[](4);
        shares[0] = Share(SELLER, 800);
        shares[1] = Share(COOWNER, 75);
        shares[2] = Share(OPERATOR, 100);
        shares[3] = Share(TREASURY, 25);
    }

    /// @dev Two units an epsilon above the price, at most three epsilons a run.
    function _privateOffer() internal view returns (Offer memory offer) {
        offer = _offer();
        (offer.pricePerEpsilon, offer.maxEpsilonMicros) = (200, 3_000_000);
    }

    function _keyId(Offer memory offer) internal pure returns (bytes32) {
        return keccak256(abi.encode(offer.seller, offer.datasetId, offer.version));
    }

    function _order(Offer memory offer) internal returns (Order memory) {
        return Order({
            keyId: _keyId(offer),
            offer: Digests.offer(address(market), offer),
            buyer: BUYER,
            operator: OPERATOR,
            licence: "licence",
            jobDigest: "job",
            epsilonMicros: 0,
            deadline: uint64(block.timestamp + 1 days),
            salt: bytes32(++salts)
        });
    }

    function _id(Order memory order) internal view returns (bytes32) {
        return Digests.order(address(market), order);
    }

    function _list(Offer memory offer) internal returns (bytes32) {
        VM.prank(offer.seller);
        return market.list(offer);
    }

    function _fund(address buyer, uint256 amount) internal {
        usdfc.mint(buyer, amount);
        VM.prank(buyer);
        usdfc.approve(address(market), amount);
    }

    function _open(Order memory order, Offer memory offer) internal returns (bytes32) {
        _fund(order.buyer, offer.price);
        VM.prank(order.buyer);
        return market.open(order, offer, _noPermit());
    }

    function _noPermit() internal pure returns (Permit memory permit) {}

    /// @dev Listed and paid for.
    function _opened() internal returns (Order memory order) {
        Offer memory offer = _offer();
        _list(offer);
        order = _order(offer);
        _open(order, offer);
    }

    /// @dev The worker has the key.
    function _recorded() internal returns (Order memory order) {
        order = _opened();
        (bytes memory signature, Inclusion memory inclusion) = _granted(order, WORKER);
        market.recordAccess(order, WORKER, signature, inclusion);
    }

    function _settle(Order memory order) internal {
        (Completion memory completion, bytes memory signature, Inclusion memory inclusion) = _completed(order);
        market.settle(order, _shares(), completion, signature, inclusion);
    }

    // --- what is signed, logged and anchored on the way

    function _granted(Order memory order, address worker) internal returns (bytes memory, Inclusion memory) {
        bytes32 digest = Digests.access(address(market), _id(order), order, worker);
        return (_assign(order, worker, OPERATOR_KEY), _logged("access-granted", digest));
    }

    function _assign(Order memory order, address worker, uint256 key) internal view returns (bytes memory) {
        return Signers.sign(key, Digests.assign(address(market), _id(order), worker));
    }

    function _completion() internal view returns (Completion memory) {
        return Completion(WORKER, "weights", "ciphertext");
    }

    function _completed(Order memory order)
        internal
        returns (Completion memory completion, bytes memory signature, Inclusion memory inclusion)
    {
        completion = _completion();
        bytes32 digest = Digests.completion(address(market), _id(order), completion);
        signature = Signers.sign(WORKER_KEY, digest);
        inclusion = _logged("training-completed", digest);
    }

    function _refused(Order memory order, bytes32 reason) internal returns (bytes memory, Inclusion memory) {
        bytes32 digest = Digests.refusal(address(market), _id(order), reason);
        return (Signers.sign(OPERATOR_KEY, digest), _logged("training-refused", digest));
    }

    // --- the log

    function _append(string memory kind, bytes32 digest) internal returns (uint64) {
        (bytes32 high, bytes32 low) = LogEntry.hexDigits(digest);
        entries.push(abi.encodePacked("weighbridge/v1 ", kind, " ", high, low, "\n{}"));
        leaves.push(sha256(abi.encodePacked(bytes1(0), entries[entries.length - 1])));
        return uint64(entries.length - 1);
    }

    function _logged(string memory kind, bytes32 digest) internal returns (Inclusion memory) {
        uint64 index = _append(kind, digest);
        _anchor();
        return _inclusion(index);
    }

    function _inclusion(uint64 index) internal view returns (Inclusion memory) {
        return Inclusion(uint64(leaves.length), index, leaves.inclusion(index), entries[index]);
    }

    function _checkpoint() internal view returns (NewCheckpoint memory) {
        return _sign(leaves.root(), uint64(leaves.length), leaves.consistency(log.size()));
    }

    function _sign(bytes32 root, uint64 size, bytes32[] memory proof)
        internal
        view
        returns (NewCheckpoint memory checkpoint)
    {
        (checkpoint.size, checkpoint.root, checkpoint.proof) = (size, root, proof);
        bytes32 typeHash = keccak256("Checkpoint(bytes32 origin,uint64 size,bytes32 root)");
        bytes32 structHash = keccak256(abi.encode(typeHash, ORIGIN, size, root));
        bytes32 digest = Signers.typedDigest("Weighbridge LogAnchor", block.chainid, address(log), structHash);
        checkpoint.signatures = new bytes[](2);
        checkpoint.signatures[0] = Signers.sign(witnessKeys[0], digest);
        checkpoint.signatures[1] = Signers.sign(witnessKeys[2], digest);
    }

    function _anchor() internal {
        NewCheckpoint memory c = _checkpoint();
        log.anchor(c.size, c.root, c.proof, c.signatures);
    }

    // --- expectations

    function _expectState(Order memory order, OrderState state) internal view {
        require(market.order(_id(order)).state == state, "state");
    }

    function _expectRevert(bytes4 selector, bytes32 argument) internal {
        VM.expectRevert(abi.encodeWithSelector(selector, argument));
    }

    function _expectWrongState(OrderState state) internal {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.WrongState.selector, state));
    }

    function _expectNotSignedBy(address signer) internal {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotSignedBy.selector, signer));
    }
}
