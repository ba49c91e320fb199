// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Completion, Offer, Order} from "../../src/IMarketplace.sol";
import {Signers} from "./Signers.sol";

/// @notice The EIP-712 digests of what parties sign, written out apart from `TypedData`.
library Digests {
    function offer(address market, Offer memory o) internal view returns (bytes32) {
        bytes memory payees;
        for (uint256 i = 0; i < o.payees.length; i++) {
            bytes32 typeHash = keccak256("Share(address to,uint128 amount)");
            payees = bytes.concat(payees, keccak256(abi.encode(typeHash, o.payees[i].to, o.payees[i].amount)));
        }
        bytes memory operators;
        for (uint256 i = 0; i < o.operators.length; i++) {
            operators = bytes.concat(operators, abi.encode(o.operators[i]));
        }
        bytes memory head = abi.encode(
            keccak256(
                "Offer(bytes32 datasetId,uint32 version,address seller,uint128 price,uint128 nodeFee,uint128 pricePerEpsilon,uint64 maxEpsilonMicros,Share[] payees,address[] operators,bytes32 termsDigest,bytes32 manifestDigest,uint64 validUntil)Share(address to,uint128 amount)"
            ),
            o.datasetId,
            o.version,
            o.seller,
            o.price,
            o.nodeFee,
            o.pricePerEpsilon,
            o.maxEpsilonMicros
        );
        bytes memory tail =
            abi.encode(keccak256(payees), keccak256(operators), o.termsDigest, o.manifestDigest, o.validUntil);
        return _typed(market, keccak256(bytes.concat(head, tail)));
    }

    function order(address market, Order memory o) internal view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Order(bytes32 keyId,bytes32 offer,address buyer,address operator,bytes32 licence,bytes32 jobDigest,uint64 epsilonMicros,uint64 deadline,bytes32 salt)"
        );
        bytes memory head = abi.encode(typeHash, o.keyId, o.offer, o.buyer, o.operator);
        return _typed(
            market,
            keccak256(bytes.concat(head, abi.encode(o.licence, o.jobDigest, o.epsilonMicros, o.deadline, o.salt)))
        );
    }

    function assign(address market, bytes32 orderId, address worker) internal view returns (bytes32) {
        return
            _typed(market, keccak256(abi.encode(keccak256("Assign(bytes32 orderId,address worker)"), orderId, worker)));
    }

    function access(address market, bytes32 orderId, Order memory o, address worker) internal view returns (bytes32) {
        bytes32 typeHash = keccak256("Access(bytes32 orderId,bytes32 keyId,bytes32 licence,address worker)");
        return _typed(market, keccak256(abi.encode(typeHash, orderId, o.keyId, o.licence, worker)));
    }

    function completion(address market, bytes32 orderId, Completion memory c) internal view returns (bytes32) {
        bytes32 typeHash =
            keccak256("Completion(bytes32 orderId,address worker,bytes32 weightsDigest,bytes32 ciphertextDigest)");
        return _typed(market, keccak256(abi.encode(typeHash, orderId, c.worker, c.weightsDigest, c.ciphertextDigest)));
    }

    function refusal(address market, bytes32 orderId, bytes32 reason) internal view returns (bytes32) {
        return
            _typed(market, keccak256(abi.encode(keccak256("Refusal(bytes32 orderId,bytes32 reason)"), orderId, reason)));
    }

    function _typed(address market, bytes32 structHash) private view returns (bytes32) {
        return Signers.typedDigest("Weighbridge Marketplace", block.chainid, market, structHash);
    }
}
