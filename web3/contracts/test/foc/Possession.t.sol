// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PDPVerifier} from "../../src/foc/PDPVerifier.sol";
import {PDPDataSets} from "../../src/foc/PDPDataSets.sol";
import {WarmStorageProving} from "../../src/foc/WarmStorageProving.sol";
import {FocTest} from "./FocTest.sol";

contract PossessionTest is FocTest {
    uint256 private setId;
    /// Piece `i` of the data set is `pieceOf(i)`.
    uint256 private constant PIECES = 7;

    function setUp() public override {
        super.setUp();
        fund(10 ether);
        setId = createAndAdd(7, piecesOf(0, PIECES));
    }

    function test_provePossession_succeeds() public {
        startPeriod();
        uint256 challenge = pdp.getNextChallengeEpoch(setId);
        VM.roll(challenge + 1);
        prove(5);
        require(fwssView.provenThisPeriod(setId) && fwssView.provenPeriods(setId, 0), "proven");
        require(pdp.getDataSetLastProvenEpoch(setId) == block.number, "epoch");
    }

    function test_provePossession_revertsForALeafThatIsNotHeld() public {
        startPeriod();
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        for (uint256 i = 0; i < 5; i++) {
            PDPVerifier.Proof[] memory proofs = honestProofs(5);
            proofs[i].leaf = bytes32(uint256(proofs[i].leaf) ^ 1);
            expectProofFailure(proofs);
            proofs = honestProofs(5);
            proofs[i].proof[1] = bytes32(uint256(proofs[i].proof[1]) ^ 1);
            expectProofFailure(proofs);
            proofs = honestProofs(5);
            proofs[i].proof = new bytes32[](1);
            expectProofFailure(proofs);
        }
    }

    function test_provePossession_revertsForAnInnerNodeInThePlaceOfALeaf() public {
        startPeriod();
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        for (uint256 i = 0; i < 5; i++) {
            PDPVerifier.Proof memory honest = honestProofs(5)[i];
            bytes32[2] memory parents = [node(honest.leaf, honest.proof[0]), node(honest.proof[0], honest.leaf)];
            for (uint256 side = 0; side < 2; side++) {
                expectFailureAt(i, parents[side], honest.proof[1]);
                expectFailureAt(i, honest.proof[1], parents[side]);
            }
        }
    }

    function expectFailureAt(uint256 i, bytes32 inner, bytes32 sibling) private {
        PDPVerifier.Proof[] memory proofs = honestProofs(5);
        proofs[i].leaf = inner;
        proofs[i].proof = new bytes32[](1);
        proofs[i].proof[0] = sibling;
        expectProofFailure(proofs);
    }

    function test_provePossession_revertsBeforeAndAfterItsTime() public {
        VM.prank(PROVIDER);
        VM.expectRevert("no challenge scheduled");
        pdp.provePossession(setId, new PDPVerifier.Proof[](5));
        startPeriod();
        VM.prank(PROVIDER);
        VM.expectRevert("premature proof");
        pdp.provePossession(setId, new PDPVerifier.Proof[](5));

        uint256 deadline = fwssView.provingDeadline(setId);
        VM.roll(deadline + 1);
        PDPVerifier.Proof[] memory proofs = honestProofs(5);
        VM.prank(PROVIDER);
        VM.expectRevert(
            abi.encodeWithSelector(WarmStorageProving.ProvingPeriodPassed.selector, setId, deadline, deadline + 1)
        );
        pdp.provePossession(setId, proofs);
    }

    function test_provePossession_revertsOnFewerChallengesOrASecondProof() public {
        startPeriod();
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        PDPVerifier.Proof[] memory four = honestProofs(4);
        VM.prank(PROVIDER);
        VM.expectRevert(abi.encodeWithSelector(WarmStorageProving.InvalidChallengeCount.selector, setId, 5, 4));
        pdp.provePossession(setId, four);
        prove(5);
        PDPVerifier.Proof[] memory again = honestProofs(5);
        VM.prank(PROVIDER);
        VM.expectRevert(abi.encodeWithSelector(WarmStorageProving.ProofAlreadySubmitted.selector, setId));
        pdp.provePossession(setId, again);
    }

    function test_nextProvingPeriod_recordsAFaultForEachMissedPeriod() public {
        startPeriod();
        uint256 deadline = fwssView.provingDeadline(setId);
        VM.roll(deadline + 2 * PERIOD + 5); // this period and two more went by
        uint256 challenge = fwssView.nextPDPChallengeWindowStart(setId) + 3;
        VM.expectEmit(address(fwss));
        emit WarmStorageProving.FaultRecord(setId, 3, deadline);
        VM.prank(PROVIDER);
        pdp.nextProvingPeriod(setId, challenge, "");
        require(fwssView.provingDeadline(setId) == deadline + 3 * PERIOD, "periods keep their borders");
    }

    function test_nextProvingPeriod_revertsForAChallengeOutsideItsWindow() public {
        (,,, uint256 start) = fwssView.getPDPConfig();
        uint256[2] memory wrong = [start - 1, start + WINDOW + 1];
        for (uint256 i = 0; i < 2; i++) {
            VM.prank(PROVIDER);
            VM.expectRevert(
                abi.encodeWithSelector(
                    WarmStorageProving.InvalidChallengeEpoch.selector, setId, start, start + WINDOW, wrong[i]
                )
            );
            pdp.nextProvingPeriod(setId, wrong[i], "");
        }
        startPeriod();
        VM.roll(block.number + 3);
        uint256 deadline = fwssView.provingDeadline(setId);
        VM.prank(PROVIDER);
        VM.expectRevert(
            abi.encodeWithSelector(
                WarmStorageProving.NextProvingPeriodAlreadyCalled.selector, setId, deadline, block.number
            )
        );
        pdp.nextProvingPeriod(setId, deadline + PERIOD, "");
    }

    function test_settleRail_paysProvenPeriodsOnly() public {
        uint256 railId = fwssView.getDataSet(setId).pdpRailId;
        startPeriod(); // period 0: proven
        uint256 rate = pay.getRail(railId).paymentRate;
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        prove(5);
        VM.roll(fwssView.provingDeadline(setId));
        (uint256 settled,,,,,) = pay.settleRail(railId, block.number);
        require(settled == rate * PERIOD, "proven");

        nextPeriod(); // period 1: not proven
        VM.roll(fwssView.provingDeadline(setId));
        (settled,,,,,) = pay.settleRail(railId, block.number);
        require(settled == 0 && pay.getRail(railId).settledUpTo == block.number - PERIOD, "still open");
        VM.roll(block.number + 1);
        (settled,,,,,) = pay.settleRail(railId, block.number);
        require(settled == 0 && pay.getRail(railId).settledUpTo == block.number - 1, "closed, not paid");
    }

    function test_removal_waitsForTheNextPeriod() public {
        startPeriod();
        uint256[] memory ids = new uint256[](1);
        ids[0] = 2;
        scheduleRemoval(ids);
        require(pdp.pieceLive(setId, 2) && pdp.getScheduledRemovals(setId).length == 1, "still there");
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        prove(5);
        nextPeriod();
        require(!pdp.pieceLive(setId, 2) && pdp.getActivePieceCount(setId) == PIECES - 1, "gone");
        require(pdp.getChallengeRange(setId) == 4 * (PIECES - 1), "range");
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        prove(5); // over the gap
    }

    function test_emptiedDataSet_goesOnWithThePeriodsItHad() public {
        startPeriod();
        uint256 start = fwssView.provingActivationEpoch(setId);
        uint256[] memory all = new uint256[](PIECES);
        for (uint256 i = 0; i < PIECES; i++) {
            all[i] = i;
        }
        scheduleRemoval(all);
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        prove(5);
        nextPeriod();
        require(fwssView.provingDeadline(setId) == 0 && pdp.getNextChallengeEpoch(setId) == 0, "nothing to prove");
        require(pay.getRail(fwssView.getDataSet(setId).pdpRailId).paymentRate == 0, "nothing to pay");

        VM.roll(start + 5 * PERIOD + 7); // no faults while it is empty
        add(setId, 7, 300, piecesOf(PIECES, 1));
        uint256 challenge = start + 6 * PERIOD - WINDOW + 3;
        VM.prank(PROVIDER);
        pdp.nextProvingPeriod(setId, challenge, "");
        require(fwssView.provingDeadline(setId) == start + 6 * PERIOD, "border");
        VM.roll(challenge + 1);
        prove(5);
        require(fwssView.provenPeriods(setId, 5) && !fwssView.provenPeriods(setId, 1), "period");
    }

    function test_delisting_givesBackWhatWasLockedAndNotEarned() public {
        startPeriod(); // period 0: proven
        uint256 railId = fwssView.getDataSet(setId).pdpRailId;
        uint256 rate = pay.getRail(railId).paymentRate;
        uint256[] memory all = new uint256[](PIECES);
        for (uint256 i = 0; i < PIECES; i++) {
            all[i] = i;
        }
        scheduleRemoval(all);
        VM.prank(client);
        fwss.terminateService(setId);
        uint256 endEpoch = pay.getRail(railId).endEpoch;
        VM.roll(pdp.getNextChallengeEpoch(setId) + 1);
        prove(5);
        nextPeriod();
        require(pdp.getActivePieceCount(setId) == 0, "deleted");
        (uint256 before,,,) = pay.accounts(address(usdfc), client);
        VM.roll(endEpoch + PERIOD + 1);
        pay.settleRail(railId, endEpoch);
        (uint256 funds, uint256 locked, uint256 lockupRate,) = pay.accounts(address(usdfc), client);
        require(before - funds == rate * PERIOD, "the proven period is paid, and no other");
        require(locked == 0 && lockupRate == 0, "nothing is locked any more");
        VM.prank(client);
        pay.withdraw(address(usdfc), funds);
    }

    function test_removal_revertsWithoutTheClientsSignature() public {
        uint256[] memory ids = new uint256[](1);
        VM.prank(PROVIDER);
        VM.expectRevert();
        pdp.schedulePieceDeletions(setId, ids, abi.encode(new bytes(65)));
    }

    function test_randomness_reachesBack256Blocks() public {
        VM.expectRevert("Randomness precompile call failed");
        pdp.getRandomness(block.number);
        uint256 value = pdp.getRandomness(block.number - 1);
        require(value != 0 && value != pdp.getRandomness(block.number - 2), "differs by epoch");
        VM.roll(block.number + 300);
        VM.expectRevert("Randomness precompile call failed");
        pdp.getRandomness(block.number - 257);
    }

    // --- helpers

    function startPeriod() private {
        (,,, uint256 start) = fwssView.getPDPConfig();
        VM.prank(PROVIDER);
        pdp.nextProvingPeriod(setId, start + 3, "");
    }

    function nextPeriod() private {
        uint256 start = fwssView.nextPDPChallengeWindowStart(setId);
        VM.prank(PROVIDER);
        pdp.nextProvingPeriod(setId, start + 3, "");
    }

    /// @dev Draws the leaves as the contract does.
    function honestProofs(uint256 count) private view returns (PDPVerifier.Proof[] memory proofs) {
        uint256 seed = pdp.getRandomness(pdp.getNextChallengeEpoch(setId));
        uint256 range = pdp.getChallengeRange(setId);
        uint256[] memory leaves = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            leaves[i] = uint256(keccak256(abi.encodePacked(seed, setId, uint64(i)))) % range;
        }
        PDPDataSets.PieceIdAndOffset[] memory places = pdp.findPieceIds(setId, leaves);
        proofs = new PDPVerifier.Proof[](count);
        for (uint256 i = 0; i < count; i++) {
            proofs[i] = proofOf(places[i].pieceId, places[i].offset);
        }
    }

    function prove(uint256 count) private {
        PDPVerifier.Proof[] memory proofs = honestProofs(count);
        VM.prank(PROVIDER);
        pdp.provePossession{value: 1 ether}(setId, proofs);
        require(PROVIDER.balance > 90 ether, "what is above the fee comes back");
    }

    function expectProofFailure(PDPVerifier.Proof[] memory proofs) private {
        VM.prank(PROVIDER);
        VM.expectRevert("proof did not verify");
        pdp.provePossession(setId, proofs);
    }

    function scheduleRemoval(uint256[] memory ids) private {
        bytes32 structHash =
            keccak256(abi.encode(fwss.SCHEDULE_PIECE_REMOVALS_TYPEHASH(), 7, keccak256(abi.encodePacked(ids))));
        bytes memory extraData = abi.encode(signed(structHash, CLIENT_KEY));
        VM.prank(PROVIDER);
        pdp.schedulePieceDeletions(setId, ids, extraData);
    }
}
