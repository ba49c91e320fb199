// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Completion, Offer, Order, Share} from "./IMarketplace.sol";

/// @title EIP-712 struct hashes of what parties sign
/// @dev Field for field those of `src/kernel/typed-data.ts`; `test/medium/chain.spec.ts` compares the digests.
library TypedData {
    bytes32 private constant SHARE = keccak256("Share(address to,uint128 amount)");
    bytes32 private constant OFFER = keccak256(
        "Offer(bytes32 datasetId,uint32 version,address seller,uint128 price,uint128 nodeFee,uint128 pricePerEpsilon,uint64 maxEpsilonMicros,Share[] payees,address[] operators,bytes32 termsDigest,bytes32 manifestDigest,uint64 validUntil)Share(address to,uint128 amount)"
    );
    bytes32 private constant ORDER = keccak256(
        "Order(bytes32 keyId,bytes32 offer,address buyer,address operator,bytes32 licence,bytes32 jobDigest,uint64 epsilonMicros,uint64 deadline,bytes32 salt)"
    );
    bytes32 private constant ASSIGN = keccak256("Assign(bytes32 orderId,address worker)");
    bytes32 private constant ACCESS = keccak256("Access(bytes32 orderId,bytes32 keyId,bytes32 licence,address worker)");
    bytes32 private constant COMPLETION =
        keccak256("Completion(bytes32 orderId,address worker,bytes32 weightsDigest,bytes32 ciphertextDigest)");
    bytes32 private constant REFUSAL = keccak256("Refusal(bytes32 orderId,bytes32 reason)");

    function hashOffer(Offer calldata offer) internal pure returns (bytes32) {
        bytes32[] memory payees = new bytes32[](offer.payees.length);
        for (uint256 i = 0; i < payees.length; i++) {
            payees[i] = keccak256(abi.encode(SHARE, offer.payees[i]));
        }
        // Two halves, or the stack is too deep: all members are static by now, so the encodings join seamlessly.
        return keccak256(
            bytes.concat(
                abi.encode(OFFER, offer.datasetId, offer.version, offer.seller, offer.price, offer.nodeFee),
                abi.encode(
                    offer.pricePerEpsilon,
                    offer.maxEpsilonMicros,
                    keccak256(abi.encodePacked(payees)),
                    keccak256(abi.encodePacked(offer.operators)),
                    offer.termsDigest,
                    offer.manifestDigest,
                    offer.validUntil
                )
            )
        );
    }

    /// @dev `abi.encode` of a struct of static members is its members one after the other, as EIP-712 wants them.
    function hashOrder(Order calldata order_) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER, order_));
    }

    function hashAssign(bytes32 orderId, address worker) internal pure returns (bytes32) {
        return keccak256(abi.encode(ASSIGN, orderId, worker));
    }

    function hashAccess(bytes32 orderId, bytes32 keyId, bytes32 licence, address worker)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ACCESS, orderId, keyId, licence, worker));
    }

    function hashCompletion(bytes32 orderId, Completion calldata completion) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMPLETION, orderId, completion));
    }

    function hashRefusal(bytes32 orderId, bytes32 reason) internal pure returns (bytes32) {
        return keccak256(abi.encode(REFUSAL, orderId, reason));
    }
}
