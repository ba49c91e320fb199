// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MadeUpTree} from "./MadeUpTree.sol";

/// @title A tree with all its leaves, by the recursive definitions of RFC 6962 sections 2.1 to 2.1.2
library SmallTree {
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return sha256("");
        if (leaves.length == 1) return leaves[0];
        (bytes32[] memory left, bytes32[] memory right) = _halves(leaves);
        return MadeUpTree.node(root(left), root(right));
    }

    function inclusion(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory) {
        if (leaves.length == 1) return new bytes32[](0);
        (bytes32[] memory left, bytes32[] memory right) = _halves(leaves);
        return index < left.length
            ? _push(inclusion(left, index), root(right))
            : _push(inclusion(right, index - left.length), root(left));
    }

    function consistency(bytes32[] memory leaves, uint256 oldSize) internal pure returns (bytes32[] memory) {
        return oldSize == 0 ? new bytes32[](0) : _subProof(leaves, oldSize, true);
    }

    function _subProof(bytes32[] memory leaves, uint256 m, bool complete) private pure returns (bytes32[] memory) {
        if (m == leaves.length) return complete ? new bytes32[](0) : _push(new bytes32[](0), root(leaves));
        (bytes32[] memory left, bytes32[] memory right) = _halves(leaves);
        return m <= left.length
            ? _push(_subProof(left, m, complete), root(right))
            : _push(_subProof(right, m - left.length, false), root(left));
    }

    function _halves(bytes32[] memory leaves) private pure returns (bytes32[] memory left, bytes32[] memory right) {
        left = new bytes32[](MadeUpTree.split(leaves.length));
        right = new bytes32[](leaves.length - left.length);
        for (uint256 i = 0; i < leaves.length; i++) {
            if (i < left.length) left[i] = leaves[i];
            else right[i - left.length] = leaves[i];
        }
    }

    function _push(bytes32[] memory list, bytes32 x) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; i++) {
            longer[i] = list[i];
        }
        longer[list.length] = x;
    }
}
