// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IKeyNodeStaking} from "./IKeyNodeStaking.sol";

/// @title The set of key nodes, kept by the nodes themselves
contract KeyNodeStaking is IKeyNodeStaking {
    /// @notice A vote counts for this long: two nodes must miss the peer at the same time, not once each in a year.
    uint256 public constant VOTE_SECONDS = 60;
    /// @notice Longest time that a kicked node waits until it may join.
    uint256 public constant MAX_PENALTY_SECONDS = 300;
    /// @notice A node that stayed this long is as good as new.
    uint256 public constant FORGIVE_SECONDS = 1 hours;

    uint256 private constant EPOCH_SECONDS = 1 hours;
    uint8 private constant STATE_ACTIVE = 0;

    struct Member {
        uint32 ip;
        uint32 port;
        bool known;
        bool active;
        /// Kicks since it was last forgiven. Each doubles the wait, so a dead node that joins for ever cannot keep
        /// clients from connecting for long.
        uint8 kicks;
        uint64 joinedAt;
        uint64 mayJoinAt;
        /// Votes of earlier rounds do not count: a node starts clean when it joins.
        uint64 round;
    }

    /// @inheritdoc IKeyNodeStaking
    uint256 public immutable threshold;
    /// @inheritdoc IKeyNodeStaking
    bytes public networkPublicKey;

    address[] private _nodes;
    uint256 private _activeCount;
    uint256 private _epochNumber = 1;
    uint256 private _epochEnd;
    mapping(address node => Member) private _members;
    mapping(address node => mapping(uint256 round => mapping(address voter => uint256 votedAt))) private _votes;

    constructor(uint256 threshold_, bytes memory networkPublicKey_, Node[] memory nodes) {
        if (threshold_ < 2 || threshold_ > nodes.length) revert BadThreshold(threshold_, nodes.length);
        if (networkPublicKey_.length != 48) revert BadNetworkPublicKey(networkPublicKey_.length);
        threshold = threshold_;
        networkPublicKey = networkPublicKey_;
        for (uint256 i = 0; i < nodes.length; ++i) {
            _addMember(nodes[i]);
        }
        _activeCount = nodes.length;
        _epochEnd = block.timestamp;
    }

    /// @inheritdoc IKeyNodeStaking
    function voteToKick(address node) external {
        if (!_members[msg.sender].active) revert NotActive(msg.sender);
        if (node == msg.sender) revert CannotKickSelf();
        Member storage member = _members[node];
        if (!member.active) revert NotActive(node);
        if (_activeCount <= threshold) revert WouldFallBelowThreshold(_activeCount, threshold);
        uint256 votedAt = _votes[node][member.round][msg.sender];
        if (_counts(votedAt)) revert AlreadyVoted(msg.sender, votedAt + VOTE_SECONDS + 1);

        _votes[node][member.round][msg.sender] = block.timestamp;
        uint256 votes = votesAgainst(node);
        emit KickVoted(node, msg.sender, votes);
        if (votes >= threshold) _kick(node, member);
    }

    /// @inheritdoc IKeyNodeStaking
    function requestToJoin() external {
        Member storage member = _members[msg.sender];
        if (!member.known) revert NotMember(msg.sender);
        if (member.active) revert AlreadyActive(msg.sender);
        if (block.timestamp < member.mayJoinAt) revert TooEarlyToJoin(msg.sender, member.mayJoinAt);
        member.active = true;
        member.joinedAt = uint64(block.timestamp);
        ++member.round;
        ++_activeCount;
        emit Joined(msg.sender);
        _startEpoch();
    }

    /// @inheritdoc IKeyNodeStaking
    function getActiveUnkickedValidatorStructsAndCounts()
        external
        view
        returns (Epoch memory epoch, uint256 minimum, Validator[] memory validators)
    {
        epoch = Epoch(EPOCH_SECONDS, _epochNumber, _epochEnd, 0, 60);
        minimum = threshold;
        validators = new Validator[](_activeCount);
        uint256 next = 0;
        for (uint256 i = 0; i < _nodes.length; ++i) {
            Member storage member = _members[_nodes[i]];
            if (member.active) validators[next++] = Validator(member.ip, 0, member.port, _nodes[i], 0, 0, 0);
        }
    }

    /// @inheritdoc IKeyNodeStaking
    function members() external view returns (Node[] memory nodes) {
        nodes = new Node[](_nodes.length);
        for (uint256 i = 0; i < nodes.length; ++i) {
            Member storage member = _members[_nodes[i]];
            nodes[i] = Node(member.ip, member.port, _nodes[i]);
        }
    }

    /// @inheritdoc IKeyNodeStaking
    function isActive(address node) external view returns (bool) {
        return _members[node].active;
    }

    /// @inheritdoc IKeyNodeStaking
    function mayJoinAt(address node) external view returns (uint256) {
        return _members[node].mayJoinAt;
    }

    /// @inheritdoc IKeyNodeStaking
    function votesAgainst(address node) public view returns (uint256 votes) {
        mapping(address => uint256) storage round = _votes[node][_members[node].round];
        for (uint256 i = 0; i < _nodes.length; ++i) {
            if (_members[_nodes[i]].active && _counts(round[_nodes[i]])) ++votes;
        }
    }

    function _addMember(Node memory node) private {
        Member storage member = _members[node.nodeAddress];
        if (member.known || node.nodeAddress == address(0) || node.ip == 0 || node.port == 0) {
            revert BadNode(node.nodeAddress);
        }
        _nodes.push(node.nodeAddress);
        member.ip = node.ip;
        member.port = node.port;
        member.known = true;
        member.active = true;
        member.joinedAt = uint64(block.timestamp);
    }

    function _kick(address node, Member storage member) private {
        if (block.timestamp >= member.joinedAt + FORGIVE_SECONDS) member.kicks = 0;
        if (member.kicks < 9) ++member.kicks; // 2^9 seconds are above the cap already
        uint256 penalty = uint256(1) << member.kicks;
        if (penalty > MAX_PENALTY_SECONDS) penalty = MAX_PENALTY_SECONDS;
        member.active = false;
        member.mayJoinAt = uint64(block.timestamp + penalty);
        --_activeCount;
        emit Kicked(node, member.mayJoinAt);
        _startEpoch();
    }

    function _startEpoch() private {
        ++_epochNumber;
        _epochEnd = block.timestamp;
        emit StateChanged(STATE_ACTIVE);
    }

    function _counts(uint256 votedAt) private view returns (bool) {
        return votedAt != 0 && block.timestamp <= votedAt + VOTE_SECONDS;
    }
}
