// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The on-chain end of one transparency log
/// @notice Keeps every checkpoint of the log that a quorum of its witnesses signed. A new checkpoint is taken only
/// with an RFC 6962 consistency proof from the newest one, so the chain itself refuses a log that forks or rewinds.
/// @dev Roots are kept for ever: a proof that was made against an older checkpoint stays good.
interface ILogAnchor {
    /// @notice A checkpoint was anchored.
    /// @param size Number of entries under `root`
    /// @param root RFC 6962 tree hash
    event Anchored(uint64 indexed size, bytes32 root);

    /// @notice The set of signers is another one from here on; also at the creation.
    /// @param change How many changes there were before: 0 for the set that the contract was created with
    event SignersChanged(uint64 indexed change, address[] signers, uint32 quorum);

    /// @notice The checkpoint does not go beyond the anchored one.
    error NotNewer(uint64 size, uint64 anchored);
    /// @notice The proof does not show that the new tree extends the anchored one.
    error Fork(uint64 anchored, uint64 size);
    /// @notice Signature `index` is malformed, is not by a signer, or is out of order.
    error BadSignature(uint256 index);
    /// @notice Too few signatures.
    error NoQuorum(uint256 have, uint256 need);
    /// @notice A zero or repeated signer, or a quorum that is not more than half of the signers, or is more than all.
    error BadSigners();

    /// @notice Moves the anchor on to a newer checkpoint. Anyone may call.
    /// @param newSize Number of entries of the new tree
    /// @param newRoot Its tree hash
    /// @param proof RFC 6962 consistency proof from `size()` to `newSize`; empty while nothing is anchored
    /// @param signatures 65 bytes each over the EIP-712 `Checkpoint`, by ascending signer address
    function anchor(uint64 newSize, bytes32 newRoot, bytes32[] calldata proof, bytes[] calldata signatures) external;

    /// @notice Puts another set of signers in place of the present one: a witness joins, leaves, or has a new key. Anyone
    /// may call; a quorum of the present set decides.
    /// @dev The signatures are over the EIP-712 `SignerSet` with `nonce` = `signerChanges()`, so each is good for one
    /// change of one log on one chain, and none for a set that was replaced already.
    /// @param newSigners The whole new set
    /// @param newQuorum How many of them must vouch for a checkpoint: more than half
    /// @param signatures 65 bytes each, by ascending signer address
    function changeSigners(address[] calldata newSigners, uint32 newQuorum, bytes[] calldata signatures) external;

    /// @notice The tree hash anchored for a size, or zero if that size never was.
    function rootOf(uint64 size_) external view returns (bytes32);

    /// @notice Size of the newest anchored checkpoint; zero before the first.
    function size() external view returns (uint64);

    /// @notice Block time at which the newest checkpoint was anchored, in Unix seconds.
    function anchoredAt() external view returns (uint64);

    /// @notice keccak256 of the log's C2SP origin line.
    function origin() external view returns (bytes32);

    /// @notice How many signers must vouch for a checkpoint.
    function quorum() external view returns (uint32);

    /// @notice The present set, in the order in which it was given.
    function signers() external view returns (address[] memory);

    /// @notice How often the set of signers was changed: the nonce of the next change.
    function signerChanges() external view returns (uint64);

    /// @notice Whether an address counts towards the quorum.
    function isSigner(address account) external view returns (bool);
}
