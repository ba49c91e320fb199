// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The on-chain end of one transparency log
/// @notice Keeps every checkpoint of the log that a quorum of its signers vouched for. A new checkpoint is taken only
/// with an RFC 6962 consistency proof from the newest one, so the chain itself refuses a log that forks or rewinds.
/// @dev Roots are kept for ever: a proof that was made against an older checkpoint stays good.
interface ILogAnchor {
    /// @notice A checkpoint was anchored.
    /// @param size Number of entries under `root`
    /// @param root RFC 6962 tree hash
    event Anchored(uint64 indexed size, bytes32 root);

    /// @notice The checkpoint does not go beyond the anchored one.
    error NotNewer(uint64 size, uint64 anchored);
    /// @notice The proof does not show that the new tree extends the anchored one.
    error Fork(uint64 anchored, uint64 size);
    /// @notice Signature `index` is malformed, is not by a signer, or is out of order.
    error BadSignature(uint256 index);
    /// @notice Too few signatures.
    error NoQuorum(uint256 have, uint256 need);
    /// @notice The constructor was given a zero or repeated signer, or a quorum that nobody or not everybody can meet.
    error BadSigners();

    /// @notice Moves the anchor on to a newer checkpoint. Anyone may call.
    /// @param newSize Number of entries of the new tree
    /// @param newRoot Its tree hash
    /// @param proof RFC 6962 consistency proof from `size()` to `newSize`; empty while nothing is anchored
    /// @param signatures 65 bytes each over the EIP-712 `Checkpoint`, by ascending signer address
    function anchor(uint64 newSize, bytes32 newRoot, bytes32[] calldata proof, bytes[] calldata signatures) external;

    /// @notice The tree hash anchored for a size, or zero if that size never was.
    function rootOf(uint64 size_) external view returns (bytes32);

    /// @notice Size of the newest anchored checkpoint; zero before the first.
    function size() external view returns (uint64);

    /// @notice Block time at which the newest checkpoint was anchored, in Unix seconds.
    function anchoredAt() external view returns (uint64);

    /// @notice keccak256 of the log's C2SP origin line.
    function origin() external view returns (bytes32);

    /// @notice How many signers must vouch for a checkpoint.
    function quorum() external view returns (uint256);

    /// @notice Whether an address counts towards the quorum.
    function isSigner(address account) external view returns (bool);
}
