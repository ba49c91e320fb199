// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Prefix sums that change in logarithmic time
/// @notice A Fenwick tree over a growing list of counts. It answers which item the n-th unit falls into, so that a challenge to
/// one leaf of a data set finds its piece however many pieces there are.
library SumTree {
    struct Tree {
        /// Number of items, removed ones included.
        uint256 length;
        /// `nodes[i]` sums the items in (i - lowestBit(i), i], counted from 1.
        mapping(uint256 index => uint256) nodes;
    }

    /// @notice Appends an item and returns its index, counted from 0.
    function append(Tree storage tree, uint256 count) internal returns (uint256 index) {
        index = tree.length++;
        uint256 node = index + 1;
        uint256 sum = count;
        uint256 stop = node - _lowestBit(node);
        for (uint256 child = node - 1; child > stop; child -= _lowestBit(child)) {
            sum += tree.nodes[child];
        }
        tree.nodes[node] = sum;
    }

    /// @notice Takes `count` from the item at `index`.
    function subtract(Tree storage tree, uint256 index, uint256 count) internal {
        for (uint256 node = index + 1; node <= tree.length; node += _lowestBit(node)) {
            tree.nodes[node] -= count;
        }
    }

    /// @notice Finds the item that holds unit `position`, and the unit's place in it. The caller checks that the position is
    /// below the sum of all.
    function find(Tree storage tree, uint256 position) internal view returns (uint256 index, uint256 offset) {
        uint256 step = 1;
        while (step << 1 <= tree.length) step <<= 1;
        offset = position;
        for (; step > 0; step >>= 1) {
            uint256 next = index + step;
            if (next > tree.length) continue;
            uint256 sum = tree.nodes[next];
            // "not below", so that items of count 0 are stepped over
            if (sum <= offset) {
                offset -= sum;
                index = next;
            }
        }
    }

    function _lowestBit(uint256 value) private pure returns (uint256) {
        unchecked {
            return value & (~value + 1);
        }
    }
}
