// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ILogAnchor} from "../src/ILogAnchor.sol";
import {IMarketplace, Inclusion, NewCheckpoint, Offer, Order, OrderState} from "../src/IMarketplace.sol";
import {Marketplace} from "../src/Marketplace.sol";
import {Digests} from "./support/Digests.sol";
import {MarketFixture} from "./support/MarketFixture.sol";
import {Signers} from "./support/Signers.sol";
import {VM} from "./support/Vm.sol";

/// @notice A wallet that signs whatever begins with its one byte.
contract ByteWallet is IERC1271 {
    function isValidSignature(bytes32, bytes calldata signature) external pure returns (bytes4) {
        return signature[0] == 0x01 ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}

contract MarketplaceAccessTest is MarketFixture {
    Order private order;
    bytes private signature;
    Inclusion private inclusion;

    function setUp() public override {
        super.setUp();
        order = _opened();
        (signature, inclusion) = _granted(order, WORKER);
    }

    // --- recordAccess

    function test_recordAccess_succeeds() external {
        VM.expectEmit(address(market));
        emit IMarketplace.AccessRecorded(_id(order), WORKER, inclusion.index, inclusion.size);
        _record();
        _expectState(order, OrderState.Recorded);
        require(market.orderOf(WORKER) == _id(order) && market.totalLocked() == 1000);
    }

    function test_recordAccess_atTheDeadline_succeeds() external {
        VM.warp(order.deadline);
        _record();
    }

    /// @dev Every anchored root is kept: an anchor in between does not spoil a proof.
    function test_recordAccess_underAnOlderCheckpoint_succeeds() external {
        _logged("job-settled", "later");
        _record();
    }

    function test_recordAccess_byAContractWallet_succeeds() external {
        Offer memory offer = _offer();
        offer.operators[0] = address(new ByteWallet());
        _list(offer);
        order = _order(offer);
        order.operator = offer.operators[0];
        _open(order, offer);
        (, inclusion) = _granted(order, WORKER);
        signature = hex"00";
        _expectNotSignedBy(order.operator);
        _record();
        signature = hex"01";
        _record();
        _expectState(order, OrderState.Recorded);
    }

    function test_recordAccess_ofNoOrder_revertsWithWrongState() external {
        order.salt = "nobody paid for this";
        _expectWrongState(OrderState.None);
        _record();
    }

    /// @dev Any changed field is another order, and nobody paid for that.
    function test_recordAccess_ofAChangedOrder_revertsWithWrongState() external {
        order.operator = BUYER;
        _expectWrongState(OrderState.None);
        _record();
        order.operator = OPERATOR;
        order.deadline += 1;
        _expectWrongState(OrderState.None);
        _record();
    }

    function test_recordAccess_twice_revertsWithWrongState() external {
        _record();
        _expectWrongState(OrderState.Recorded);
        _record();
    }

    function test_recordAccess_revertsWithDeadlinePassed() external {
        VM.warp(order.deadline + 1);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.DeadlinePassed.selector, order.deadline));
        _record();
    }

    function test_recordAccess_revertsWithKeyRevoked() external {
        VM.prank(SELLER);
        market.revoke(order.keyId);
        _expectRevert(IMarketplace.KeyRevoked.selector, order.keyId);
        _record();
    }

    function test_recordAccess_revertsWithLicenceIsRevoked() external {
        VM.prank(SELLER);
        market.revokeLicence(order.keyId, order.licence);
        _expectRevert(IMarketplace.LicenceIsRevoked.selector, order.licence);
        _record();
    }

    function test_recordAccess_byAUsedWorker_revertsWithWorkerUsed() external {
        _record();
        Offer memory offer = _offer();
        order = _order(offer);
        _open(order, offer);
        (signature, inclusion) = _granted(order, WORKER);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.WorkerUsed.selector, WORKER));
        _record();
    }

    /// @dev Not even after its order is long over.
    function test_recordAccess_byAWorkerOfAFinishedOrder_revertsWithWorkerUsed() external {
        Order memory first = order;
        _record();
        VM.warp(order.deadline + 1);
        Inclusion memory none;
        market.refund(first, 0, "", none);
        Offer memory offer = _offer();
        order = _order(offer);
        _open(order, offer);
        (signature, inclusion) = _granted(order, WORKER);
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.WorkerUsed.selector, WORKER));
        _record();
    }

    function test_recordAccess_byTheZeroAddress_revertsWithWorkerUsed() external {
        (signature, inclusion) = _granted(order, address(0));
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.WorkerUsed.selector, address(0)));
        market.recordAccess(order, address(0), signature, inclusion);
    }

    function test_recordAccess_revertsWithNotSignedBy() external {
        bytes32 digest = Digests.assign(address(market), _id(order), WORKER);
        bytes[5] memory bad;
        bad[0] = "";
        bad[1] = Signers.sign(BUYER_KEY, digest);
        bad[2] = _assign(order, BUYER, OPERATOR_KEY); // another worker
        bad[3] = Signers.sign(OPERATOR_KEY, Digests.assign(address(this), _id(order), WORKER)); // another contract
        bad[4] = Signers.sign(OPERATOR_KEY, Digests.assign(address(market), "another order", WORKER));
        for (uint256 i = 0; i < bad.length; i++) {
            signature = bad[i];
            _expectNotSignedBy(OPERATOR);
            _record();
        }
    }

    /// @dev On the other side of a chain split the order itself is another one.
    function test_recordAccess_onAnotherChain_revertsWithWrongState() external {
        VM.chainId(block.chainid + 1);
        _expectWrongState(OrderState.None);
        _record();
    }

    function test_recordAccess_revertsWithNotAnchored() external {
        uint64[3] memory sizes = [inclusion.size - 1, inclusion.size + 1, type(uint64).max];
        for (uint256 i = 0; i < sizes.length; i++) {
            inclusion.size = sizes[i];
            VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotAnchored.selector, sizes[i]));
            _record();
        }
    }

    /// @dev The empty tree has a root of its own; nothing is under it.
    function test_recordAccess_underTheEmptyTree_revertsWithNotIncluded() external {
        (inclusion.size, inclusion.index, inclusion.proof) = (0, 0, new bytes32[](0));
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotIncluded.selector, 0, 0));
        _record();
    }

    function test_recordAccess_withAnotherRecord_revertsWithWrongEntry() external {
        bytes32 digest = Digests.access(address(market), _id(order), order, WORKER);
        Inclusion[4] memory bad;
        bad[0] = _logged("training-refused", digest); // the right digest under another type
        bad[1] = _logged("access-granted", ~digest);
        bad[2] = _logged("access-granted", Digests.access(address(market), _id(order), order, BUYER));
        bad[3] = _logged("access-granted", Digests.access(address(this), _id(order), order, WORKER));
        for (uint256 i = 0; i < bad.length; i++) {
            inclusion = bad[i];
            _expectRevert(IMarketplace.WrongEntry.selector, digest);
            _record();
        }
    }

    function test_recordAccess_revertsWithNotIncluded() external {
        inclusion.index -= 1;
        _expectNotIncluded();
        inclusion.index += 1;
        inclusion.proof[0] = ~inclusion.proof[0];
        _expectNotIncluded();
        inclusion.proof = new bytes32[](0);
        _expectNotIncluded();
        inclusion = _inclusion(uint64(leaves.length - 1));
        inclusion.entry = bytes.concat(inclusion.entry, " "); // the header stands, the record is another
        _expectNotIncluded();
    }

    // --- anchorAndRecord

    function test_anchorAndRecord_succeeds() external {
        _reopen();
        NewCheckpoint memory checkpoint = _checkpoint();
        market.anchorAndRecord(checkpoint, order, WORKER, signature, inclusion);
        _expectState(order, OrderState.Recorded);
        require(log.size() == checkpoint.size && log.rootOf(checkpoint.size) == checkpoint.root);
    }

    /// @dev Somebody anchored this very checkpoint, or a later one, in the meantime.
    function test_anchorAndRecord_afterSomebodyElse_succeeds() external {
        _reopen();
        NewCheckpoint memory checkpoint = _checkpoint();
        _anchor();
        _logged("job-settled", "later");
        market.anchorAndRecord(checkpoint, order, WORKER, signature, inclusion);
        _expectState(order, OrderState.Recorded);
    }

    function test_anchorAndRecord_overtakenByAnotherSize_revertsWithNotAnchored() external {
        _reopen();
        NewCheckpoint memory checkpoint = _checkpoint();
        _logged("job-settled", "later"); // anchors a size beyond, and never this one
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotAnchored.selector, inclusion.size));
        market.anchorAndRecord(checkpoint, order, WORKER, signature, inclusion);
    }

    function test_anchorAndRecord_withAForgedCheckpoint_revertsWithBadSignature() external {
        _reopen();
        NewCheckpoint memory checkpoint = _checkpoint();
        checkpoint.signatures[0] = new bytes(65);
        VM.expectRevert(abi.encodeWithSelector(ILogAnchor.BadSignature.selector, 0));
        market.anchorAndRecord(checkpoint, order, WORKER, signature, inclusion);
    }

    // --- helpers

    function _record() private {
        market.recordAccess(order, WORKER, signature, inclusion);
    }

    function _expectNotIncluded() private {
        VM.expectRevert(abi.encodeWithSelector(IMarketplace.NotIncluded.selector, inclusion.index, inclusion.size));
        _record();
    }

    /// @dev A fresh order whose access is logged and not anchored.
    function _reopen() private {
        Offer memory offer = _offer();
        order = _order(offer);
        _open(order, offer);
        signature = _assign(order, WORKER, OPERATOR_KEY);
        inclusion = _inclusion(_append("access-granted", Digests.access(address(market), _id(order), order, WORKER)));
    }
}
