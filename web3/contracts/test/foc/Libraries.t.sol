// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cids} from "../../src/foc/Cids.sol";
import {SumTree} from "../../src/foc/SumTree.sol";
import {Vm} from "./FocTest.sol";

contract LibrariesTest {
    using Cids for Cids.Piece;
    using SumTree for SumTree.Tree;

    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    SumTree.Tree private tree;

    function parse(bytes calldata cid) external pure returns (Cids.Piece memory) {
        return Cids.parse(cid);
    }

    // --- piece CIDs, as the SDK makes them

    function test_parse_succeedsOnPiecesOfTheSdk() public view {
        checkPiece(hex"015591202200020c494f347c283554f141f4cf32dbb886137a478ceeb575de1cabee6674ddc11d", 127, 2, 4);
        checkPiece(hex"01559120227e0335556248ba7f088d060cd985ccce55ff134abf304808d273758c97a1ba980627", 128, 3, 5);
        checkPiece(hex"01559120227c03eafaad9e6bd2085d002df50104d69571cb3ab9b59c753575b5fb80bb552cd80f", 130, 3, 5);
        checkPiece(hex"01559120220005b02bd8fdd3e8b23e2f1dc09c1432a603b8a1d37df85505480575047fdad13305", 1016, 5, 32);
        checkPiece(hex"0155912022000bcf4bdf28a249c559202fb86baf4ebea7e8d7a4b9004a888b96bfc1b07176b612", 65024, 11, 2048);
    }

    function test_parse_succeedsOnPaddingOfTwoBytes() public view {
        bytes memory cid = abi.encodePacked(hex"0155912023", hex"8001", hex"04", bytes32(uint256(7)));
        Cids.Piece memory piece = this.parse(cid);
        require(piece.rawBytes == 127 * 4 - 128 && piece.root == bytes32(uint256(7)), "padding");
    }

    function test_parse_revertsWithMalformedPieceCid() public {
        bytes32 root = keccak256("root");
        refused("");
        refused(abi.encodePacked(hex"0155912022", hex"00", hex"02", bytes31(root))); // short
        refused(abi.encodePacked(hex"0155912022", hex"00", hex"02", root, hex"00")); // long
        refused(abi.encodePacked(hex"0170912022", hex"00", hex"02", root)); // another codec
        refused(abi.encodePacked(hex"0155122022", hex"00", hex"02", root)); // another hash
        refused(abi.encodePacked(hex"0155912021", hex"00", hex"02", root)); // another length
        refused(abi.encodePacked(hex"0155912022", hex"7f", hex"02", root)); // nothing but padding
        refused(abi.encodePacked(hex"0155912022", hex"00", hex"01", root)); // no quad
        refused(abi.encodePacked(hex"0155912023", hex"8000", hex"02", root)); // zero in two bytes
        refused(abi.encodePacked(hex"0155912023", hex"0000", hex"02", root)); // two numbers
        refused(abi.encodePacked(hex"0155912022", hex"80", hex"02", root)); // a number without its end
    }

    function checkPiece(bytes memory cid, uint256 rawBytes, uint256 height, uint256 leaves) private view {
        Cids.Piece memory piece = this.parse(cid);
        require(piece.rawBytes == rawBytes, "rawBytes");
        require(piece.height == height, "height");
        require(piece.leafCount() == leaves, "leaves");
    }

    function refused(bytes memory cid) private {
        VM.expectRevert(Cids.MalformedPieceCid.selector);
        this.parse(cid);
    }

    // --- prefix sums

    function test_fuzz_find_agreesWithCounting(uint8[40] memory counts, uint8 removed, uint16 position) public {
        uint256 total = 0;
        for (uint256 i = 0; i < counts.length; i++) {
            require(tree.append(counts[i]) == i, "index");
            total += counts[i];
        }
        uint256 gone = removed % counts.length;
        tree.subtract(gone, counts[gone]);
        total -= counts[gone];
        counts[gone] = 0;
        if (total == 0) return;

        uint256 target = position % total;
        (uint256 index, uint256 offset) = tree.find(target);
        uint256 before = 0;
        for (uint256 i = 0; i < index; i++) {
            before += counts[i];
        }
        require(before + offset == target && offset < counts[index], "place");
    }
}
