// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The set of key nodes that clients talk to
/// @notice Holds the view and the event of Lit's Staking contract that lit-node-client 7.4.0 reads, and Lit's kick
/// vote: active nodes vote a peer that does not answer out of the view, and it joins again by itself when it is back.
/// @dev No stake and no owner: members, threshold and network key are fixed at deployment, because whoever could
/// change the network key could have new data keys wrapped to one of its own.
interface IKeyNodeStaking {
    /// @dev Lit's layout. `endTime` lies in the past, so that a client uses the epoch at once.
    struct Epoch {
        uint256 epochLength;
        uint256 number;
        uint256 endTime;
        uint256 retries;
        uint256 timeout;
    }

    /// @dev Lit's layout. `ipv6`, `reward` and the two communication keys are always 0 here.
    struct Validator {
        uint32 ip;
        uint128 ipv6;
        uint32 port;
        address nodeAddress;
        uint256 reward;
        uint256 senderPubKey;
        uint256 receiverPubKey;
    }

    /// @notice Where a member listens and which account votes for it.
    struct Node {
        uint32 ip;
        uint32 port;
        address nodeAddress;
    }

    /// @notice Lit's event. State 0 is "Active": a client that sees it reads the view again.
    event StateChanged(uint8 newState);
    /// @notice An active node voted.
    /// @param votes How many votes against `node` count now
    event KickVoted(address indexed node, address indexed voter, uint256 votes);
    /// @notice A node left the view.
    /// @param mayJoinAt Unix seconds from which on it may join again
    event Kicked(address indexed node, uint256 mayJoinAt);
    /// @notice A kicked node is back in the view.
    event Joined(address indexed node);

    /// @notice A threshold of 1 would give one party the key; one above the number of nodes would give it to nobody.
    error BadThreshold(uint256 threshold, uint256 nodes);
    /// @notice A BLS12-381 G1 point, compressed, has 48 bytes.
    error BadNetworkPublicKey(uint256 length);
    /// @notice The constructor was given a node twice, or one without address, IP or port.
    error BadNode(address node);
    /// @notice The caller is no key node.
    error NotMember(address caller);
    /// @notice The voter, or the node it votes on, is out of the view.
    error NotActive(address node);
    /// @notice The node is in the view already.
    error AlreadyActive(address node);
    /// @notice A node cannot vote on itself.
    error CannotKickSelf();
    /// @notice The voter's last vote on this node still counts.
    error AlreadyVoted(address voter, uint256 nextVoteAt);
    /// @notice A kick would leave fewer nodes than it takes to release a key.
    error WouldFallBelowThreshold(uint256 active, uint256 threshold);
    /// @notice The node was kicked a moment ago.
    error TooEarlyToJoin(address node, uint256 mayJoinAt);

    /// @notice What lit-node-client reads when it connects: epoch, threshold, and the nodes to talk to.
    function getActiveUnkickedValidatorStructsAndCounts()
        external
        view
        returns (Epoch memory epoch, uint256 threshold, Validator[] memory validators);

    /// @notice Every member, in the view or not. A node pings these.
    function members() external view returns (Node[] memory);

    /// @notice Whether `node` is in the view.
    function isActive(address node) external view returns (bool);

    /// @notice How many nodes it takes to release a key, and to kick a node.
    function threshold() external view returns (uint256);

    /// @notice The BLS12-381 key that data keys are encrypted to. Clients compare what nodes tell them with this.
    function networkPublicKey() external view returns (bytes memory);

    /// @notice Votes against `node` that count now: from active nodes, at most `VOTE_SECONDS` old.
    function votesAgainst(address node) external view returns (uint256);

    /// @notice Unix seconds from which on a kicked node may join again.
    function mayJoinAt(address node) external view returns (uint256);

    /// @notice Votes to take `node` out of the view. With `threshold` votes it leaves.
    function voteToKick(address node) external;

    /// @notice A kicked member comes back.
    function requestToJoin() external;
}
