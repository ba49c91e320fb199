// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Cids} from "../../src/foc/Cids.sol";
import {FilecoinWarmStorageServiceStateView} from "../../src/foc/FilecoinWarmStorageServiceStateView.sol";
import {IFilecoinPay} from "../../src/foc/IFilecoinPay.sol";
import {IWarmStorageEvents} from "../../src/foc/IWarmStorageEvents.sol";
import {PDPVerifier} from "../../src/foc/PDPVerifier.sol";
import {WarmStorageConsent} from "../../src/foc/WarmStorageConsent.sol";
import {FocTest} from "./FocTest.sol";

contract WarmStorageTest is FocTest {
    uint256 private constant SESSION_KEY = 0x5E55104;
    uint256 private constant MINIMUM_LOCKUP = uint256(0.06 ether) / 86_400 * LOCKUP_PERIOD;

    // --- creating

    function test_createAndAdd_succeeds() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 3));
        require(setId == 1 && pdp.dataSetLive(1) && pdp.getNextDataSetId() == 2, "live");
        require(pdp.getDataSetListener(1) == address(fwss) && pdp.getActivePieceCount(1) == 3, "pieces");
        require(pdp.getDataSetLeafCount(1) == 12 && pdp.getNextPieceId(1) == 3, "leaves");

        FilecoinWarmStorageServiceStateView.DataSetInfoView memory info = fwssView.getClientDataSets(client, 0, 100)[0];
        require(info.dataSetId == 1 && info.payer == client && info.payee == PAYEE, "parties");
        require(info.serviceProvider == PROVIDER && info.providerId == 1 && info.clientDataSetId == 7, "provider");
        require(fwssView.clientNonces(client, 7) == 1 && fwssView.clientNonces(client, 8) == 1, "nonces");
        require(fwssView.getDataSetStatus(1) == 1 && fwssView.getDataSetStatus(2) == 0, "status");

        IFilecoinPay.RailView memory rail = pay.getRail(info.pdpRailId);
        require(rail.paymentRate == uint256(0.06 ether) / 86_400 && rail.lockupPeriod == LOCKUP_PERIOD, "rail");
        (uint256 pool,,,) = pay.accounts(address(usdfc), address(pay));
        require(pool == SYBIL_FEE, "the whole fee is in the pool");
        (uint256 funds, uint256 locked,,) = pay.accounts(address(usdfc), client);
        require(funds == 1 ether - SYBIL_FEE && locked == MINIMUM_LOCKUP, "locked");
    }

    function test_createDataSet_succeedsWithFeeInFil() public {
        fund(1 ether);
        bytes memory data = createData(7, CLIENT_KEY);
        VM.prank(PROVIDER);
        pdp.createDataSet{value: 0.3 ether}(address(fwss), data);
        require(0xff00000000000000000000000000000000000063.balance >= 0.1 ether, "burned");
        require(PROVIDER.balance == 100 ether - 5 ether - 0.1 ether, "rest comes back");
    }

    function test_createDataSet_revertsWithoutMeans() public {
        VM.expectRevert(abi.encodeWithSelector(IWarmStorageEvents.OperatorNotApproved.selector, client, address(fwss)));
        this.create(7, CLIENT_KEY);
        fund(MINIMUM_LOCKUP + SYBIL_FEE - 1);
        VM.expectRevert(
            abi.encodeWithSelector(
                IWarmStorageEvents.InsufficientLockupFunds.selector,
                client,
                MINIMUM_LOCKUP + SYBIL_FEE,
                MINIMUM_LOCKUP + SYBIL_FEE - 1
            )
        );
        this.create(7, CLIENT_KEY);
        fund(1);
        this.create(7, CLIENT_KEY);
    }

    function test_createDataSet_revertsWithInvalidSignature() public {
        fund(1 ether);
        address stranger = VM.addr(SESSION_KEY);
        VM.expectRevert(abi.encodeWithSelector(WarmStorageConsent.InvalidSignature.selector, client, stranger));
        this.create(7, SESSION_KEY);
    }

    function test_createDataSet_revertsForAnUnregisteredProvider() public {
        fund(1 ether);
        bytes memory data = createData(7, CLIENT_KEY);
        VM.expectRevert(abi.encodeWithSelector(IWarmStorageEvents.ProviderNotRegistered.selector, address(this)));
        pdp.createDataSet(address(fwss), data);
    }

    /// @dev Consent names the provider: another one cannot use it.
    function test_createDataSet_revertsForAnotherProvider() public {
        fund(1 ether);
        register(address(0xBAD), address(0xBAD));
        bytes memory data = createData(7, CLIENT_KEY);
        VM.prank(address(0xBAD));
        VM.expectRevert();
        pdp.createDataSet(address(fwss), data);
    }

    function test_createDataSet_revertsOnSecondUseOfAnId() public {
        fund(2 ether);
        this.create(7, CLIENT_KEY);
        VM.expectRevert(abi.encodeWithSelector(WarmStorageConsent.ClientDataSetAlreadyRegistered.selector, 7));
        this.create(7, CLIENT_KEY);
    }

    function test_sessionKey_signsUntilItExpiresOrIsRevoked() public {
        fund(3 ether);
        address signer = VM.addr(SESSION_KEY);
        bytes32[] memory permissions = new bytes32[](1);
        permissions[0] = fwss.CREATE_DATA_SET_TYPEHASH();
        VM.prank(client);
        sessionKeys.login(signer, block.timestamp + 10, permissions, "test");
        this.create(7, SESSION_KEY);
        VM.warp(block.timestamp + 11);
        VM.expectRevert(abi.encodeWithSelector(WarmStorageConsent.InvalidSignature.selector, client, signer));
        this.create(8, SESSION_KEY);
        VM.prank(client);
        sessionKeys.login(signer, block.timestamp + 10, permissions, "test");
        VM.prank(client);
        sessionKeys.revoke(signer, permissions, "test");
        VM.expectRevert(abi.encodeWithSelector(WarmStorageConsent.InvalidSignature.selector, client, signer));
        this.create(8, SESSION_KEY);
    }

    function test_sessionKey_signsForNothingElse() public {
        fund(2 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 1));
        address signer = VM.addr(SESSION_KEY);
        Cids.Cid[] memory pieces = piecesOf(1, 1); // its SHA-256 is a call, and would take the prank
        bytes memory addition = addData(7, 100, pieces, SESSION_KEY);
        uint256[] memory ids = new uint256[](1);
        bytes32 structHash =
            keccak256(abi.encode(fwss.SCHEDULE_PIECE_REMOVALS_TYPEHASH(), 7, keccak256(abi.encodePacked(ids))));
        bytes memory removal = abi.encode(signed(structHash, SESSION_KEY));
        bytes memory refusal = abi.encodeWithSelector(WarmStorageConsent.InvalidSignature.selector, client, signer);
        allow(signer, fwss.CREATE_DATA_SET_TYPEHASH());
        VM.prank(PROVIDER);
        VM.expectRevert(refusal);
        pdp.addPieces(setId, address(0), pieces, addition);
        allow(signer, fwss.ADD_PIECES_TYPEHASH());
        VM.prank(PROVIDER);
        VM.expectRevert(refusal);
        pdp.schedulePieceDeletions(setId, ids, removal);
        VM.prank(PROVIDER);
        pdp.addPieces(setId, address(0), pieces, addition);
        // The same signature is good once the wallet allows it: the permission was what it lacked.
        allow(signer, fwss.SCHEDULE_PIECE_REMOVALS_TYPEHASH());
        VM.prank(PROVIDER);
        pdp.schedulePieceDeletions(setId, ids, removal);
        // Money and services are the wallet's, whatever a key may sign.
        VM.prank(signer);
        VM.expectRevert();
        fwss.terminateService(setId);
        VM.prank(signer);
        VM.expectRevert();
        pay.withdraw(address(usdfc), 1);
    }

    // --- adding

    function test_addPieces_revertsOnSecondUseOfANonce() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 1));
        add(setId, 7, 100, piecesOf(1, 1));
        Cids.Cid[] memory pieces = piecesOf(1, 1); // its SHA-256 is a call, and would take the prank
        bytes memory data = addData(7, 100, pieces, CLIENT_KEY);
        VM.prank(PROVIDER);
        VM.expectRevert(abi.encodeWithSelector(WarmStorageConsent.ClientDataSetAlreadyRegistered.selector, 100));
        pdp.addPieces(setId, address(0), pieces, data);
    }

    function test_addPieces_revertsForPiecesThatWereNotSigned() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 1));
        Cids.Cid[] memory pieces = piecesOf(1, 1); // its SHA-256 is a call, and would take the prank
        bytes memory data = addData(7, 100, pieces, CLIENT_KEY);
        pieces = piecesOf(2, 1);
        VM.prank(PROVIDER);
        VM.expectRevert();
        pdp.addPieces(setId, address(0), pieces, data);
    }

    function test_addPieces_revertsForAnyoneButTheProvider() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 1));
        Cids.Cid[] memory pieces = piecesOf(1, 1); // its SHA-256 is a call, and would take the prank
        bytes memory data = addData(7, 100, pieces, CLIENT_KEY);
        VM.expectRevert("Only the storage provider can do this");
        pdp.addPieces(setId, address(0), pieces, data);
    }

    function test_listener_revertsForAnyoneButPdpVerifier() public {
        VM.expectRevert(
            abi.encodeWithSelector(IWarmStorageEvents.OnlyPDPVerifierAllowed.selector, address(pdp), address(this))
        );
        fwss.possessionProven(1, 0, 0, 5);
    }

    function test_findPieceIdsByCid_findsEveryLiveCopy() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 3));
        add(setId, 7, 100, piecesOf(1, 1));
        uint256[] memory ids = pdp.findPieceIdsByCid(setId, pieceOf(1), 0, 10);
        require(ids.length == 2 && ids[0] == 1 && ids[1] == 3, "both");
        require(pdp.findPieceIdsByCid(setId, pieceOf(1), 0, 1).length == 1, "limit");
        require(pdp.findPieceIdsByCid(setId, pieceOf(1), 2, 10)[0] == 3, "start");
        require(pdp.findPieceIdsByCid(setId, pieceOf(9), 0, 10).length == 0, "none");
    }

    function test_getActivePieces_pages() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 5));
        (Cids.Cid[] memory pieces, uint256[] memory ids, bool more) = pdp.getActivePieces(setId, 1, 2);
        require(pieces.length == 2 && ids[0] == 1 && ids[1] == 2 && more, "page");
        require(keccak256(pieces[0].data) == keccak256(pieceOf(1).data), "cid");
        (pieces, ids, more) = pdp.getActivePieces(setId, 3, 10);
        require(pieces.length == 2 && ids[1] == 4 && !more, "last page");
    }

    // --- ending

    function test_terminateService_succeedsForTheParties() public {
        fund(1 ether);
        uint256 setId = createAndAdd(7, piecesOf(0, 1));
        VM.expectRevert(
            abi.encodeWithSelector(
                IWarmStorageEvents.CallerNotPayerOrPayee.selector, setId, client, PAYEE, address(this)
            )
        );
        fwss.terminateService(setId);
        VM.prank(client);
        fwss.terminateService(setId);
        require(fwssView.getDataSet(setId).pdpEndEpoch == block.number + LOCKUP_PERIOD, "end");
        require(fwssView.getDataSetStatus(setId) == 2, "status");
        Cids.Cid[] memory pieces = piecesOf(1, 1); // its SHA-256 is a call, and would take the prank
        bytes memory data = addData(7, 100, pieces, CLIENT_KEY);
        VM.prank(PROVIDER);
        VM.expectRevert(abi.encodeWithSelector(IWarmStorageEvents.DataSetPaymentAlreadyTerminated.selector, setId));
        pdp.addPieces(setId, address(0), pieces, data);
    }

    function test_terminateRail_revertsAroundTheService() public {
        fund(1 ether);
        uint256 railId = fwssView.getDataSet(createAndAdd(7, piecesOf(0, 1))).pdpRailId;
        VM.prank(client);
        VM.expectRevert(IWarmStorageEvents.ServiceContractMustTerminateRail.selector);
        pay.terminateRail(railId);
    }

    // --- price

    function test_rate_isTheMinimumForSmallDataSets() public view {
        uint256 minimum = uint256(0.06 ether) / 86_400;
        require(fwss.calculateRatePerEpoch(0) == 0, "empty");
        require(fwss.calculateRatePerEpoch(1) == minimum && fwss.calculateRatePerEpoch(1 << 30) == minimum, "small");
        require(fwss.calculateRatePerEpoch(1 << 40) == uint256(2.5 ether) / 86_400, "a TiB");
    }

    // --- owner

    function test_approveProvider_isForTheOwner() public {
        fwss.addApprovedProvider(1);
        require(fwssView.isProviderApproved(1) && fwssView.getApprovedProviders(0, 0).length == 1, "approved");
        fwss.removeApprovedProvider(1, 0);
        require(!fwssView.isProviderApproved(1), "gone");
        VM.prank(client);
        VM.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, client));
        fwss.addApprovedProvider(1);
        VM.expectRevert(abi.encodeWithSelector(IWarmStorageEvents.AddressAlreadySet.selector, 0));
        fwss.setViewContract(address(1));
    }

    // --- helpers

    function allow(address signer, bytes32 permission) private {
        bytes32[] memory permissions = new bytes32[](1);
        permissions[0] = permission;
        VM.prank(client);
        sessionKeys.login(signer, block.timestamp + 10, permissions, "test");
    }

    function create(uint256 clientDataSetId, uint256 key) external {
        bytes memory data = createData(clientDataSetId, key);
        VM.prank(PROVIDER);
        pdp.createDataSet(address(fwss), data);
    }
}
