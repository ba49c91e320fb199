// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IKeyNodeStaking} from "../src/IKeyNodeStaking.sol";
import {KeyNodeStaking} from "../src/KeyNodeStaking.sol";

interface Vm {
    function prank(address sender) external;
    function warp(uint256 timestamp) external;
    function expectRevert(bytes calldata reason) external;
    function expectEmit(address emitter) external;
}

contract KeyNodeStakingTest {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint32 private constant LOOPBACK = 0x7f000001;
    uint256 private constant START = 1_800_000_000;
    address private constant A = address(0xA1);
    address private constant B = address(0xB2);
    address private constant C = address(0xC3);

    KeyNodeStaking private staking;

    function setUp() public {
        VM.warp(START);
        staking = new KeyNodeStaking(2, new bytes(48), threeNodes());
    }

    // --- construction

    function test_constructor_succeeds() public view {
        (IKeyNodeStaking.Epoch memory epoch, uint256 minimum, IKeyNodeStaking.Validator[] memory validators) =
            staking.getActiveUnkickedValidatorStructsAndCounts();
        require(minimum == 2 && staking.threshold() == 2, "threshold");
        require(validators.length == 3 && staking.members().length == 3, "nodes");
        require(validators[1].nodeAddress == B && validators[1].ip == LOOPBACK && validators[1].port == 2, "node");
        require(epoch.number == 1 && epoch.endTime <= block.timestamp, "epoch must be usable at once");
        require(staking.networkPublicKey().length == 48, "key");
    }

    function test_constructor_revertsWithBadThreshold() public {
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.BadThreshold.selector, 1, 3));
        new KeyNodeStaking(1, new bytes(48), threeNodes());
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.BadThreshold.selector, 4, 3));
        new KeyNodeStaking(4, new bytes(48), threeNodes());
    }

    function test_constructor_revertsWithBadNetworkPublicKey() public {
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.BadNetworkPublicKey.selector, 47));
        new KeyNodeStaking(2, new bytes(47), threeNodes());
    }

    function test_constructor_revertsWithBadNode() public {
        IKeyNodeStaking.Node[] memory nodes = threeNodes();
        nodes[2].nodeAddress = A;
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.BadNode.selector, A));
        new KeyNodeStaking(2, new bytes(48), nodes);
        nodes[2] = IKeyNodeStaking.Node(LOOPBACK, 0, C);
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.BadNode.selector, C));
        new KeyNodeStaking(2, new bytes(48), nodes);
    }

    // --- kick

    function test_voteToKick_succeeds() public {
        vote(A, C);
        require(staking.isActive(C) && staking.votesAgainst(C) == 1, "one vote is not enough");
        VM.expectEmit(address(staking));
        emit IKeyNodeStaking.KickVoted(C, B, 2);
        VM.expectEmit(address(staking));
        emit IKeyNodeStaking.Kicked(C, START + 2);
        VM.expectEmit(address(staking));
        emit IKeyNodeStaking.StateChanged(0);
        vote(B, C);
        (IKeyNodeStaking.Epoch memory epoch,, IKeyNodeStaking.Validator[] memory validators) =
            staking.getActiveUnkickedValidatorStructsAndCounts();
        require(!staking.isActive(C) && validators.length == 2 && epoch.number == 2, "kicked");
        require(validators[0].nodeAddress == A && validators[1].nodeAddress == B, "the rest stays");
        require(staking.members().length == 3, "it stays a member");
    }

    function test_voteToKick_revertsWithAlreadyVoted() public {
        vote(A, C);
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.AlreadyVoted.selector, A, START + 61));
        vote(A, C);
    }

    function test_voteToKick_forgetsOldVotes() public {
        vote(A, C);
        VM.warp(START + 61);
        vote(B, C);
        require(staking.isActive(C) && staking.votesAgainst(C) == 1, "a blip a minute ago must not count");
        vote(A, C);
        require(!staking.isActive(C), "fresh votes count");
    }

    function test_voteToKick_revertsWithWouldFallBelowThreshold() public {
        kickC();
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.WouldFallBelowThreshold.selector, 2, 2));
        vote(A, B);
    }

    function test_voteToKick_revertsWithNotActive() public {
        kickC();
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.NotActive.selector, C));
        vote(C, A);
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.NotActive.selector, C));
        vote(A, C);
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.NotActive.selector, address(this)));
        staking.voteToKick(A);
    }

    function test_voteToKick_revertsWithCannotKickSelf() public {
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.CannotKickSelf.selector));
        vote(A, A);
    }

    /// A vote that a node cast before it was kicked dies with its seat.
    function test_votesAgainst_countsActiveVotersOnly() public {
        vote(C, A);
        require(staking.votesAgainst(A) == 1, "cast");
        kickC();
        require(staking.votesAgainst(A) == 0, "dead");
    }

    // --- join

    function test_requestToJoin_succeeds() public {
        kickC();
        VM.warp(START + 2);
        VM.expectEmit(address(staking));
        emit IKeyNodeStaking.Joined(C);
        join(C);
        require(staking.isActive(C) && staking.votesAgainst(C) == 0, "back, with a clean slate");
        vote(A, C);
        require(staking.isActive(C), "one vote is one vote again");
    }

    function test_requestToJoin_revertsWithTooEarlyToJoin() public {
        kickC();
        VM.warp(START + 1);
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.TooEarlyToJoin.selector, C, START + 2));
        join(C);
    }

    function test_requestToJoin_revertsWithAlreadyActive() public {
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.AlreadyActive.selector, A));
        join(A);
    }

    function test_requestToJoin_revertsWithNotMember() public {
        VM.expectRevert(abi.encodeWithSelector(IKeyNodeStaking.NotMember.selector, address(this)));
        staking.requestToJoin();
    }

    /// A node that is dead but joins for ever holds clients up less and less.
    function test_penalty_doublesToItsCapAndIsForgiven() public {
        uint256 expected = 2;
        for (uint256 i = 0; i < 12; ++i) {
            kickC();
            require(staking.mayJoinAt(C) == block.timestamp + expected, "penalty");
            VM.warp(staking.mayJoinAt(C));
            join(C);
            expected = expected * 2 > 300 ? 300 : expected * 2;
        }
        VM.warp(block.timestamp + 1 hours);
        kickC();
        require(staking.mayJoinAt(C) == block.timestamp + 2, "forgiven");
    }

    // --- whatever happens, enough nodes stay in the view

    function test_fuzz_neverBelowThreshold(uint256 seed) public {
        uint256 now_ = START;
        for (uint256 i = 0; i < 64; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            now_ += seed % 40;
            VM.warp(now_);
            address actor = address(uint160(0xA1 + 0x11 * ((seed >> 8) % 3)));
            address target = address(uint160(0xA1 + 0x11 * ((seed >> 16) % 3)));
            VM.prank(actor);
            if ((seed >> 24) % 3 == 0) {
                try staking.requestToJoin() {} catch {}
            } else {
                try staking.voteToKick(target) {} catch {}
            }
            (, uint256 minimum, IKeyNodeStaking.Validator[] memory validators) =
                staking.getActiveUnkickedValidatorStructsAndCounts();
            require(validators.length >= minimum, "below threshold");
            uint256 active = 0;
            for (uint256 j = 0; j < 3; ++j) {
                if (staking.isActive(address(uint160(0xA1 + 0x11 * j)))) ++active;
            }
            require(active == validators.length, "count");
        }
    }

    function threeNodes() private pure returns (IKeyNodeStaking.Node[] memory nodes) {
        nodes = new IKeyNodeStaking.Node[](3);
        nodes[0] = IKeyNodeStaking.Node(LOOPBACK, 1, A);
        nodes[1] = IKeyNodeStaking.Node(LOOPBACK, 2, B);
        nodes[2] = IKeyNodeStaking.Node(LOOPBACK, 3, C);
    }

    function vote(address voter, address node) private {
        VM.prank(voter);
        staking.voteToKick(node);
    }

    function join(address node) private {
        VM.prank(node);
        staking.requestToJoin();
    }

    function kickC() private {
        vote(A, C);
        vote(B, C);
    }
}
