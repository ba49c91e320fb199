// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {VM} from "./Vm.sol";

/// @notice Keys, signatures and EIP-712 digests, written out apart from the contracts under test.
library Signers {
    /// @notice `n` private keys whose addresses ascend.
    function ascending(uint256 n) internal pure returns (uint256[] memory keys) {
        keys = new uint256[](n);
        for (uint256 i = 0; i < n; i++) {
            keys[i] = uint256(keccak256(abi.encode("signer", i)));
            for (uint256 k = i; k > 0 && VM.addr(keys[k]) < VM.addr(keys[k - 1]); k--) {
                (keys[k], keys[k - 1]) = (keys[k - 1], keys[k]);
            }
        }
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function typedDigest(string memory name, uint256 chainId, address verifier, bytes32 structHash)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                chainId,
                verifier
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
