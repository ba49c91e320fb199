// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Rfc6962} from "../src/Rfc6962.sol";
import {MadeUpTree} from "./support/MadeUpTree.sol";
import {VM} from "./support/Vm.sol";

/// @dev The library takes calldata: every check goes through an external call.
contract Rfc6962Harness {
    function leafHash(bytes calldata entry) external view returns (bytes32) {
        return Rfc6962.leafHash(entry);
    }

    function included(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (bool)
    {
        return Rfc6962.verifyInclusion(leaf, index, size, proof, root);
    }

    function consistent(uint64 size1, uint64 size2, bytes32[] calldata proof, bytes32 root1, bytes32 root2)
        external
        view
        returns (bool)
    {
        return Rfc6962.verifyConsistency(size1, size2, proof, root1, root2);
    }
}

contract Rfc6962Test {
    using MadeUpTree for MadeUpTree.Tree;

    Rfc6962Harness private h = new Rfc6962Harness();

    // --- every proof of every size to 130, and what comes of it when it is touched

    function test_everySizeTo130_succeeds() external view {
        uint256 mark;
        for (uint64 size = 1; size <= 130; size++) {
            for (uint64 m = 0; m < size; m++) {
                assembly {
                    mark := mload(0x40) // memory is given back, or its cost grows with the square
                }
                MadeUpTree.Tree memory tree = _tree(keccak256(abi.encode(size, m)), size, m, m);
                _checkInclusion(tree);
                if (m > 0) _checkConsistency(tree);
                assembly {
                    mstore(0x40, mark)
                }
            }
        }
    }

    /// forge-config: default.fuzz.runs = 128
    function test_fuzz_anySizeTo2Pow63(bytes32 seed) external view {
        uint256 x = uint256(keccak256(abi.encode(seed)));
        uint64 size = uint64(2 + (x >> 64) % (uint256(2) << (x % 62))); // every bit length is as likely
        uint64 oldSize = uint64(1 + (x >> 128) % (size - 1));
        if (x >> 252 < 6) oldSize = uint64(MadeUpTree.split(uint256(oldSize) + 1)); // a power of two, often
        MadeUpTree.Tree memory tree = _tree(seed, size, oldSize, uint64((x >> 192) % size));
        _checkInclusion(tree);
        _checkConsistency(tree);
    }

    function _checkInclusion(MadeUpTree.Tree memory t) private view {
        bytes32 root = t.root();
        bytes32[] memory proof = t.inclusion();
        require(_in(t, proof, root), "good");
        require(!_in(t, _with(proof, proof.length, t.seed), root), "one too many");
        require(!_in(t, proof, ~root), "other root");
        (uint64 size, uint64 index) = (uint64(t.size), uint64(t.index));
        require(!h.included(t.leaf, size, size, proof, root), "index at the size");
        require(!h.included(t.leaf, type(uint64).max, size, proof, root), "index far out");
        require(!h.included(~t.leaf, index, size, proof, root), "other leaf");
        if (size > 1) {
            uint64 neighbour = index ^ 1 < size ? index ^ 1 : index - 1;
            require(!h.included(t.leaf, neighbour, size, proof, root), "neighbour's place");
            // An inner node is no leaf: the root itself, with no proof, least of all.
            require(!h.included(root, index, size, new bytes32[](0), root), "root as a leaf");
        }
        for (uint256 k = 0; k < proof.length; k++) {
            require(!_in(t, _without(proof, k), root), "one missing");
            require(!_in(t, _with(proof, k, proof[k]), root), "one doubled");
            proof[k] ^= _bit(t.seed);
            require(!_in(t, proof, root), "one bit flipped");
            proof[k] ^= _bit(t.seed);
        }
    }

    function _checkConsistency(MadeUpTree.Tree memory t) private view {
        (bytes32 a, bytes32 b) = (t.oldRoot(), t.root());
        bytes32[] memory proof = t.consistency();
        (uint64 m, uint64 n) = (uint64(t.oldSize), uint64(t.size));
        require(h.consistent(m, n, proof, a, b), "good");
        require(!h.consistent(n, m, proof, b, a), "backwards");
        require(!h.consistent(m, n, proof, b, b), "new root as the old");
        require(!h.consistent(m, n, proof, ~a, b), "other old root");
        require(!h.consistent(m, n, proof, a, ~b), "other new root");
        require(!h.consistent(m, n, new bytes32[](0), a, a), "no proof");
        require(!h.consistent(m, n, _with(proof, proof.length, t.seed), a, b), "one too many");
        for (uint256 k = 0; k < proof.length; k++) {
            require(!h.consistent(m, n, _without(proof, k), a, b), "one missing");
            require(!h.consistent(m, n, _with(proof, k, proof[k]), a, b), "one doubled");
            proof[k] ^= _bit(t.seed);
            require(!h.consistent(m, n, proof, a, b), "one bit flipped");
            proof[k] ^= _bit(t.seed);
            if (k == 0) continue;
            (proof[k], proof[k - 1]) = (proof[k - 1], proof[k]);
            require(!h.consistent(m, n, proof, a, b), "two swapped");
            (proof[k], proof[k - 1]) = (proof[k - 1], proof[k]);
        }
    }

    // --- the ends

    function test_consistency_ofEqualSizes_needsEqualRootsAndNoProof() external view {
        bytes32[] memory none = new bytes32[](0);
        require(h.consistent(7, 7, none, "root", "root"));
        require(!h.consistent(7, 7, none, "root", "other"));
        require(!h.consistent(7, 7, new bytes32[](1), "root", "root"));
        require(h.consistent(0, 0, none, Rfc6962.EMPTY_ROOT, Rfc6962.EMPTY_ROOT));
        require(!h.consistent(0, 0, none, "root", "root"));
    }

    function test_consistency_fromEmpty_needsTheEmptyRootAndNoProof() external view {
        bytes32[] memory none = new bytes32[](0);
        require(h.consistent(0, 7, none, Rfc6962.EMPTY_ROOT, "root"));
        require(!h.consistent(0, 7, none, "not empty", "root"));
        require(!h.consistent(0, 7, new bytes32[](1), Rfc6962.EMPTY_ROOT, "root"));
        require(sha256("") == Rfc6962.EMPTY_ROOT);
    }

    function test_inclusion_inTheEmptyTree_isRefused() external view {
        require(!h.included("leaf", 0, 0, new bytes32[](0), "leaf"));
    }

    /// @dev If the last leaf could be read as an inner node, there would be a path to an entry beyond the end.
    function test_inclusion_atTheSize_isRefused() external view {
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = ("left of it", "the first two leaves");
        bytes32 root = MadeUpTree.node(proof[1], MadeUpTree.node(proof[0], "beyond"));
        require(h.included("beyond", 3, 4, proof, root), "in a tree of four it is an entry");
        require(!h.included("beyond", 3, 3, proof, root), "in a tree of three it is not");
    }

    /// @dev A proof does not bind the sizes, and the one from 3 to 4 has the shape that one from 3 to 2 would have.
    function test_consistency_backwards_isRefused() external view {
        MadeUpTree.Tree memory tree = _tree("backwards", 4, 3, 0);
        bytes32[] memory proof = tree.consistency();
        require(h.consistent(3, 4, proof, tree.oldRoot(), tree.root()));
        require(!h.consistent(3, 2, proof, tree.oldRoot(), tree.root()));
    }

    /// @dev Sizes at the end of the type, where a shift by 64 or an overflow would show.
    function test_largestSizes_succeed() external view {
        uint64 max = type(uint64).max;
        uint64[6] memory others = [1, 2, uint64(1) << 63, (uint64(1) << 63) + 1, max - 2, max - 1];
        for (uint256 i = 0; i < others.length; i++) {
            MadeUpTree.Tree memory tree = _tree("large", max, others[i], others[i]);
            _checkInclusion(tree);
            _checkConsistency(tree);
        }
    }

    // --- against others' numbers

    /// @dev Certificate Transparency's reference tree: leaf 5 of 8, and sizes 6 to 8.
    function test_publicVectors_succeed() external view {
        bytes32 root8 = 0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328;
        bytes32[] memory proof = new bytes32[](3);
        proof[0] = 0x0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a;
        proof[1] = 0xca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0;
        proof[2] = 0xd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7;
        bytes32 root6 = 0x76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef;
        require(h.consistent(6, 8, proof, root6, root8), "6 to 8");
        proof[0] = 0xbc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b;
        require(h.included(h.leafHash(hex"40414243"), 5, 8, proof, root8), "5 in 8");
    }

    function test_fuzz_leafHash(bytes calldata entry) external view {
        require(h.leafHash(entry) == sha256(abi.encodePacked(bytes1(0), entry)));
    }

    // --- a chain without the precompile, or a call without gas for it

    function test_withoutSha256_revertsWithNoSha256() external {
        VM.mockCall(address(2), "", ""); // as a missing precompile does: it succeeds and returns nothing
        VM.expectRevert(abi.encodeWithSelector(Rfc6962.NoSha256.selector));
        h.leafHash("entry");
        VM.expectRevert(abi.encodeWithSelector(Rfc6962.NoSha256.selector));
        h.included("leaf", 0, 2, new bytes32[](1), "root");
        VM.expectRevert(abi.encodeWithSelector(Rfc6962.NoSha256.selector));
        h.consistent(1, 2, new bytes32[](1), "root", "root");
    }

    /// @dev Starved at any point it reverts; a false "yes" or "no" would settle or refuse what it should not.
    function test_starvedOfGas_neverAnswersWrongly() external view {
        MadeUpTree.Tree memory t = _tree("starved", 1000, 700, 333);
        bytes32[] memory inclusion = t.inclusion();
        bytes32[] memory consistency = t.consistency();
        (bytes32 a, bytes32 b) = (t.oldRoot(), t.root());
        uint256 answers = 0;
        for (uint256 gasLimit = 500; gasLimit < 20_000; gasLimit += 97) {
            try h.included{gas: gasLimit}(t.leaf, 333, 1000, inclusion, b) returns (bool yes) {
                require(yes);
                answers++;
            } catch {}
            try h.consistent{gas: gasLimit}(700, 1000, consistency, a, b) returns (bool yes) {
                require(yes);
                answers++;
            } catch {}
        }
        require(answers > 10, "it was never given enough");
    }

    // --- helpers

    function _tree(bytes32 seed, uint64 size, uint64 oldSize, uint64 index)
        private
        pure
        returns (MadeUpTree.Tree memory)
    {
        return MadeUpTree.Tree(seed, size, oldSize, index, keccak256(abi.encode(seed, "leaf")));
    }

    function _in(MadeUpTree.Tree memory t, bytes32[] memory proof, bytes32 root) private view returns (bool) {
        return h.included(t.leaf, uint64(t.index), uint64(t.size), proof, root);
    }

    function _bit(bytes32 seed) private pure returns (bytes32) {
        return bytes32(uint256(1) << uint8(uint256(seed)));
    }

    /// @dev `proof` without element i.
    function _without(bytes32[] memory proof, uint256 i) private pure returns (bytes32[] memory out) {
        out = new bytes32[](proof.length - 1);
        for (uint256 k = 0; k < out.length; k++) {
            out[k] = proof[k < i ? k : k + 1];
        }
    }

    /// @dev `proof` with `x` before element i.
    function _with(bytes32[] memory proof, uint256 i, bytes32 x) private pure returns (bytes32[] memory out) {
        out = new bytes32[](proof.length + 1);
        for (uint256 k = 0; k < out.length; k++) {
            out[k] = k == i ? x : proof[k < i ? k : k - 1];
        }
    }
}
