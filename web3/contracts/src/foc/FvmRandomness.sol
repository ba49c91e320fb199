// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Stands where the FVM has its beacon randomness, on chains that are no FVM
/// @notice The precompile takes an epoch as 32 bytes and answers 32 bytes. Here they come of the block's hash, which nobody knows
/// before the block: good enough for a devnet, whose miner could grind it.
/// @dev Its runtime code is put at 0xfe..06 (`anvil_setCode`), so it has neither constructor nor storage.
contract FvmRandomness {
    /// @notice The EVM forgets hashes of blocks more than 256 back.
    error EpochOutOfReach(uint256 epoch);

    fallback(bytes calldata epoch) external returns (bytes memory) {
        return abi.encode(randomness(abi.decode(epoch, (uint256))));
    }

    function randomness(uint256 epoch) public view returns (bytes32) {
        bytes32 hash = blockhash(epoch);
        if (hash == 0) revert EpochOutOfReach(epoch);
        return keccak256(abi.encode("FvmRandomness", hash));
    }
}
