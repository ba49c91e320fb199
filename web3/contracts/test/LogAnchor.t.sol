// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILogAnchor} from "../src/ILogAnchor.sol";
import {LogAnchor} from "../src/LogAnchor.sol";
import {Rfc6962} from "../src/Rfc6962.sol";
import {MadeUpTree} from "./support/MadeUpTree.sol";
import {Signers} from "./support/Signers.sol";
import {VM} from "./support/Vm.sol";

contract LogAnchorTest {
    using MadeUpTree for MadeUpTree.Tree;

    bytes32 private constant ORIGIN = keccak256("log.example/test");
    /// @dev Two of three, one of them no signer; their addresses ascend.
    uint256[] private keys;
    uint256 private stranger;
    LogAnchor private log;
    /// @dev 900 entries, and 700 of them before.
    MadeUpTree.Tree private tree = MadeUpTree.Tree("anchor", 900, 700, 5, "leaf");

    function setUp() public {
        keys = Signers.ascending(4);
        stranger = keys[2];
        keys[2] = keys[3];
        keys.pop();
        log = new LogAnchor(ORIGIN, _signers(), 2);
    }

    // --- construction

    function test_constructor_succeeds() external view {
        require(log.origin() == ORIGIN && log.quorum() == 2 && log.size() == 0 && log.anchoredAt() == 0);
        require(log.isSigner(VM.addr(keys[0])) && !log.isSigner(VM.addr(stranger)));
        require(log.signers().length == 3 && log.signers()[2] == VM.addr(keys[2]) && log.signerChanges() == 0);
        require(log.rootOf(0) == sha256(""), "the empty tree");
        require(log.rootOf(1) == 0, "nothing else");
    }

    function test_constructor_revertsWithBadSigners() external {
        address[] memory signers = _signers();
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        new LogAnchor(ORIGIN, signers, 0);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        new LogAnchor(ORIGIN, signers, 4);
        // One of three: two honest witnesses could each vouch for another history.
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        new LogAnchor(ORIGIN, signers, 1);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        new LogAnchor(ORIGIN, new address[](0), 0);
        signers[2] = signers[0];
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        new LogAnchor(ORIGIN, signers, 2);
        signers[2] = address(0);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        new LogAnchor(ORIGIN, signers, 2);
    }

    // --- anchor

    function test_anchor_succeeds() external {
        VM.warp(1_800_000_000);
        bytes[] memory signatures = _sign(700, tree.oldRoot());
        VM.expectEmit(address(log));
        emit ILogAnchor.Anchored(700, tree.oldRoot());
        log.anchor(700, tree.oldRoot(), new bytes32[](0), signatures);
        require(log.size() == 700 && log.anchoredAt() == 1_800_000_000 && log.rootOf(700) == tree.oldRoot());

        VM.warp(1_800_000_060);
        log.anchor(900, tree.root(), tree.consistency(), _sign(900, tree.root()));
        require(log.size() == 900 && log.anchoredAt() == 1_800_000_060 && log.rootOf(900) == tree.root());
        require(log.rootOf(700) == tree.oldRoot(), "proofs against older checkpoints stay good");
        require(log.rootOf(800) == 0, "a size between was never anchored");
    }

    function test_anchor_byMoreThanTheQuorum_succeeds() external {
        log.anchor(700, tree.oldRoot(), new bytes32[](0), _signWith(keys, 700, tree.oldRoot()));
        require(log.size() == 700);
    }

    function test_anchor_revertsWithNotNewer() external {
        _anchorOld();
        bytes32 root = tree.oldRoot();
        bytes[] memory signatures = _sign(700, root);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.NotNewer.selector, 700, 700));
        log.anchor(700, root, new bytes32[](0), signatures);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.NotNewer.selector, 699, 700));
        log.anchor(699, root, new bytes32[](0), signatures);
    }

    function test_anchor_ofSizeZero_revertsWithNotNewer() external {
        bytes[] memory signatures = _sign(0, Rfc6962.EMPTY_ROOT);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.NotNewer.selector, 0, 0));
        log.anchor(0, Rfc6962.EMPTY_ROOT, new bytes32[](0), signatures);
    }

    /// @dev The signers vouch for it all, and yet the chain refuses: this is what the anchor is for.
    function test_anchor_revertsWithFork() external {
        _anchorOld();
        bytes32 forked = ~tree.root();
        bytes32[] memory proof = tree.consistency();
        bytes[] memory signatures = _sign(900, forked);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.Fork.selector, 700, 900));
        log.anchor(900, forked, proof, signatures);

        bytes32 root = tree.root();
        signatures = _sign(900, root);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.Fork.selector, 700, 900));
        log.anchor(900, root, new bytes32[](0), signatures);
    }

    /// @dev A proof from an older anchor than the newest is none.
    function test_anchor_withAProofFromElsewhere_revertsWithFork() external {
        _anchorOld();
        MadeUpTree.Tree memory other = tree;
        other.oldSize = 600;
        bytes32[] memory proof = other.consistency();
        bytes32 root = tree.root();
        bytes[] memory signatures = _sign(900, root);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.Fork.selector, 700, 900));
        log.anchor(900, root, proof, signatures);
    }

    function test_anchor_revertsWithNoQuorum() external {
        uint256[] memory one = new uint256[](1);
        one[0] = keys[0];
        bytes[] memory signatures = _signWith(one, 700, tree.oldRoot());
        bytes32 root = tree.oldRoot();
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.NoQuorum.selector, 1, 2));
        log.anchor(700, root, new bytes32[](0), signatures);
    }

    function test_anchor_bySomebodyTwice_revertsWithBadSignature() external {
        uint256[] memory twice = new uint256[](2);
        (twice[0], twice[1]) = (keys[0], keys[0]);
        _expectBadSignature(1, _signWith(twice, 700, tree.oldRoot()));
    }

    function test_anchor_byAStranger_revertsWithBadSignature() external {
        uint256[] memory some = new uint256[](2);
        (some[0], some[1]) = (keys[0], stranger);
        _expectBadSignature(1, _signWith(some, 700, tree.oldRoot()));
        // Nor does one hide behind a full quorum.
        some = new uint256[](3);
        (some[0], some[1], some[2]) = (keys[0], stranger, keys[2]);
        _expectBadSignature(1, _signWith(some, 700, tree.oldRoot()));
    }

    function test_anchor_outOfOrder_revertsWithBadSignature() external {
        uint256[] memory some = new uint256[](2);
        (some[0], some[1]) = (keys[1], keys[0]);
        _expectBadSignature(1, _signWith(some, 700, tree.oldRoot()));
    }

    function test_anchor_withAMalformedSignature_revertsWithBadSignature() external {
        bytes[] memory signatures = _sign(700, tree.oldRoot());
        signatures[0] = new bytes(64);
        _expectBadSignature(0, signatures);
        signatures[0] = new bytes(65); // recovers to the zero address
        _expectBadSignature(0, signatures);
    }

    /// @dev The other of the two signatures that ECDSA allows for one message: refused, so that a signature is one.
    function test_anchor_withAHighS_revertsWithBadSignature() external {
        bytes[] memory signatures = _sign(700, tree.oldRoot());
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(keys[0], _digest(ORIGIN, 700, tree.oldRoot(), address(log), 0));
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        signatures[0] = abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
        _expectBadSignature(0, signatures);
    }

    // --- what a signature binds

    function test_anchor_signedForAnotherSizeOrRoot_revertsWithBadSignature() external {
        _expectBadSignature(0, _sign(701, tree.oldRoot()));
        _expectBadSignature(0, _sign(700, tree.root()));
    }

    function test_anchor_signedForAnotherLog_revertsWithBadSignature() external {
        _expectBadSignature(0, _signDigest(keys, _digest("another", 700, tree.oldRoot(), address(log), 0)));
    }

    function test_anchor_signedForAnotherContract_revertsWithBadSignature() external {
        LogAnchor other = new LogAnchor(ORIGIN, _signers(), 2);
        _expectBadSignature(0, _signDigest(keys, _digest(ORIGIN, 700, tree.oldRoot(), address(other), 0)));
    }

    function test_anchor_signedForAnotherChain_revertsWithBadSignature() external {
        _expectBadSignature(0, _signDigest(keys, _digest(ORIGIN, 700, tree.oldRoot(), address(log), 1)));
    }

    /// @dev After a chain splits, the contract is on both sides, and each side takes its own signatures only.
    function test_anchor_afterAChainSplit_revertsWithBadSignature() external {
        bytes[] memory signatures = _sign(700, tree.oldRoot());
        VM.chainId(block.chainid + 1);
        _expectBadSignature(0, signatures);
    }

    // --- changeSigners

    function test_changeSigners_succeeds() external {
        _anchorOld();
        (uint256[] memory next, address[] memory signers) = _withStranger();
        VM.expectEmit(address(log));
        emit ILogAnchor.SignersChanged(1, signers, 3);
        log.changeSigners(signers, 3, _signSet(_two(), 0, signers, 3));
        require(log.quorum() == 3 && log.signerChanges() == 1 && log.signers().length == 4);
        require(log.isSigner(VM.addr(stranger)) && log.isSigner(VM.addr(keys[0])));
        require(log.size() == 700 && log.rootOf(700) == tree.oldRoot(), "what is anchored stays");
        log.anchor(900, tree.root(), tree.consistency(), _signWith(next, 900, tree.root()));
    }

    /// @dev A witness leaves, and the next change is decided by those who are left.
    function test_changeSigners_takesMembersOut() external {
        address[] memory signers = new address[](2);
        (signers[0], signers[1]) = (VM.addr(keys[1]), VM.addr(keys[2]));
        log.changeSigners(signers, 2, _signSet(_two(), 0, signers, 2));
        require(!log.isSigner(VM.addr(keys[0])) && log.isSigner(VM.addr(keys[1])) && log.isSigner(VM.addr(keys[2])));
        _expectBadSignature(0, _sign(700, tree.oldRoot()));

        (, address[] memory next) = _withStranger();
        bytes[] memory signatures = _signSet(_two(), 1, next, 3);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(next, 3, signatures);
        uint256[] memory left = new uint256[](2);
        (left[0], left[1]) = (keys[1], keys[2]);
        log.changeSigners(next, 3, _signSet(left, 1, next, 3));
        require(log.signerChanges() == 2 && log.signers().length == 4);
    }

    function test_changeSigners_revertsWithNoQuorum() external {
        (, address[] memory signers) = _withStranger();
        uint256[] memory one = new uint256[](1);
        one[0] = keys[0];
        bytes[] memory signatures = _signSet(one, 0, signers, 3);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.NoQuorum.selector, 1, 2));
        log.changeSigners(signers, 3, signatures);
    }

    /// @dev Those who would join decide nothing.
    function test_changeSigners_byAStranger_revertsWithBadSignature() external {
        (, address[] memory signers) = _withStranger();
        uint256[] memory some = new uint256[](2);
        (some[0], some[1]) = (keys[0], stranger);
        bytes[] memory signatures = _signSet(some, 0, signers, 3);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 1));
        log.changeSigners(signers, 3, signatures);
    }

    /// @dev Whoever keeps the signatures of a change cannot bring it back after the next one.
    function test_changeSigners_again_revertsWithBadSignature() external {
        address[] memory old = _signers();
        (, address[] memory signers) = _withStranger();
        bytes[] memory first = _signSet(_two(), 0, signers, 3);
        log.changeSigners(signers, 3, first);
        uint256[] memory three = new uint256[](3);
        (three[0], three[1], three[2]) = (keys[0], keys[1], keys[2]);
        log.changeSigners(old, 2, _signSet(three, 1, old, 2));
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(signers, 3, first);
        // Nor is one that was signed for later good before its time.
        bytes[] memory later = _signSet(_two(), 3, signers, 3);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(signers, 3, later);
    }

    function test_changeSigners_signedForAnotherSet_revertsWithBadSignature() external {
        (, address[] memory signers) = _withStranger();
        bytes[] memory signatures = _signSet(_two(), 0, _signers(), 3);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(signers, 3, signatures);
        signatures = _signSet(_two(), 0, signers, 4);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(signers, 3, signatures);
    }

    function test_changeSigners_signedForAnotherChainContractOrLog_revertsWithBadSignature() external {
        (, address[] memory signers) = _withStranger();
        LogAnchor other = new LogAnchor(ORIGIN, _signers(), 2);
        bytes[] memory signatures = _signSet(_two(), 0, signers, 3);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        other.changeSigners(signers, 3, signatures);
        LogAnchor foreign = new LogAnchor("another", _signers(), 2);
        signatures = _signDigest(_two(), _setDigest(address(foreign), ORIGIN, 0, signers, 3));
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        foreign.changeSigners(signers, 3, signatures);
        signatures = _signSet(_two(), 0, signers, 3);
        VM.chainId(block.chainid + 1);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(signers, 3, signatures);
    }

    /// @dev A checkpoint's signatures are no vote, and the other way round.
    function test_changeSigners_withSignaturesOfACheckpoint_revertsWithBadSignature() external {
        address[] memory signers = _signers();
        bytes[] memory signatures = _sign(700, tree.oldRoot());
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        log.changeSigners(signers, 2, signatures);
        _expectBadSignature(0, _signSet(_two(), 0, signers, 2));
    }

    function test_changeSigners_revertsWithBadSigners() external {
        (, address[] memory signers) = _withStranger();
        _expectBadSigners(signers, 2); // half of four
        _expectBadSigners(signers, 5);
        _expectBadSigners(new address[](0), 0);
        signers[3] = signers[0];
        _expectBadSigners(signers, 3);
        signers[3] = address(0);
        _expectBadSigners(signers, 3);
    }

    /// @dev Whatever set the present one decides on: it is taken exactly if two of its quorums must meet, and then it is the
    /// whole set, to the last member.
    function test_fuzz_changeSigners(uint8 count, uint32 quorum, uint256 seed) external {
        count = count % 9;
        quorum = quorum % 11;
        address[] memory signers = new address[](count);
        for (uint256 i = 0; i < count; i++) {
            signers[i] = VM.addr(uint256(keccak256(abi.encode(seed, i))) >> 1);
        }
        bytes[] memory signatures = _signSet(_two(), 0, signers, quorum);
        bool good = quorum <= count && uint256(quorum) * 2 > count;
        if (!good) VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        log.changeSigners(signers, quorum, signatures);
        require(log.signers().length == (good ? count : 3) && log.quorum() == (good ? quorum : 2));
        for (uint256 i = 0; i < count; i++) {
            require(log.isSigner(signers[i]) == good);
        }
        require(log.isSigner(VM.addr(keys[0])) != good);
    }

    // --- helpers

    function _two() private view returns (uint256[] memory two) {
        two = new uint256[](2);
        (two[0], two[1]) = (keys[0], keys[1]);
    }

    /// @dev The present signers and one who was none; the keys ascend by address.
    function _withStranger() private pure returns (uint256[] memory all, address[] memory signers) {
        all = Signers.ascending(4);
        signers = new address[](4);
        for (uint256 i = 0; i < 4; i++) {
            signers[i] = VM.addr(all[i]);
        }
    }

    function _signSet(uint256[] memory by, uint64 nonce, address[] memory signers, uint32 quorum)
        private
        view
        returns (bytes[] memory)
    {
        return _signDigest(by, _setDigest(address(log), ORIGIN, nonce, signers, quorum));
    }

    function _setDigest(address verifier, bytes32 origin, uint64 nonce, address[] memory signers, uint32 quorum)
        private
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256("SignerSet(bytes32 origin,uint64 nonce,address[] signers,uint32 quorum)");
        bytes memory words;
        for (uint256 i = 0; i < signers.length; i++) {
            words = abi.encodePacked(words, bytes32(uint256(uint160(signers[i]))));
        }
        bytes32 structHash = keccak256(abi.encode(typeHash, origin, nonce, keccak256(words), quorum));
        return Signers.typedDigest("Weighbridge LogAnchor", block.chainid, verifier, structHash);
    }

    function _expectBadSigners(address[] memory signers, uint32 quorum) private {
        bytes[] memory signatures = _signSet(_two(), 0, signers, quorum);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSigners.selector));
        log.changeSigners(signers, quorum, signatures);
    }

    function _anchorOld() private {
        log.anchor(700, tree.oldRoot(), new bytes32[](0), _sign(700, tree.oldRoot()));
    }

    function _expectBadSignature(uint256 index, bytes[] memory signatures) private {
        bytes32 root = tree.oldRoot();
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, index));
        log.anchor(700, root, new bytes32[](0), signatures);
    }

    function _signers() private view returns (address[] memory signers) {
        signers = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; i++) {
            signers[i] = VM.addr(keys[i]);
        }
    }

    function _sign(uint64 size, bytes32 root) private view returns (bytes[] memory) {
        uint256[] memory two = new uint256[](2);
        (two[0], two[1]) = (keys[0], keys[1]);
        return _signWith(two, size, root);
    }

    function _signWith(uint256[] memory by, uint64 size, bytes32 root) private view returns (bytes[] memory) {
        return _signDigest(by, _digest(ORIGIN, size, root, address(log), 0));
    }

    function _signDigest(uint256[] memory by, bytes32 digest) private pure returns (bytes[] memory signatures) {
        signatures = new bytes[](by.length);
        for (uint256 i = 0; i < by.length; i++) {
            signatures[i] = Signers.sign(by[i], digest);
        }
    }

    function _digest(bytes32 origin, uint64 size, bytes32 root, address verifier, uint256 chainOffset)
        private
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256("Checkpoint(bytes32 origin,uint64 size,bytes32 root)");
        return Signers.typedDigest(
            "Weighbridge LogAnchor",
            block.chainid + chainOffset,
            verifier,
            keccak256(abi.encode(typeHash, origin, size, root))
        );
    }
}
