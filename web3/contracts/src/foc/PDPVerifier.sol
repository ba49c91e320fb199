// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cids} from "./Cids.sol";
import {FilBurn} from "./FilBurn.sol";
import {IFilecoinPay} from "./IFilecoinPay.sol";
import {IPDPListener} from "./IPDPListener.sol";
import {PDPDataSets} from "./PDPDataSets.sol";
import {PieceProof} from "./PieceProof.sol";
import {SumTree} from "./SumTree.sol";

/// @title Proof of Data Possession
/// @notice Keeps the data sets of storage providers and checks their proofs: five leaves a proving period, drawn by
/// randomness that nobody knows before the period's challenge epoch.
/// @dev Written from the published ABI of PDPVerifier 3.2.0, without its source. Upgrades, fee changes, change of provider and
/// deletion of data sets are not offered; calls to them revert.
contract PDPVerifier is PDPDataSets {
    using SumTree for SumTree.Tree;
    using Cids for Cids.Piece;

    /// @notice One challenged leaf and its siblings, from the leaf upward.
    struct Proof {
        bytes32 leaf;
        bytes32[] proof;
    }

    event DataSetCreated(uint256 indexed setId, address indexed storageProvider);
    event PiecesAdded(uint256 indexed setId, uint256[] pieceIds, Cids.Cid[] pieceCids);
    event PiecesRemoved(uint256 indexed setId, uint256[] pieceIds);
    event PossessionProven(uint256 indexed setId, PieceIdAndOffset[] challenges);
    event NextProvingPeriod(uint256 indexed setId, uint256 challengeEpoch, uint256 leafCount);
    event DataSetEmpty(uint256 indexed setId);
    event ProofFeePaid(uint256 indexed setId, uint256 fee);

    /// @notice Piece `idx` of the call cannot be added.
    error IndexedError(uint256 idx, string msg);
    /// @notice The data set was created without FIL, and its payer did not pay the fee in USDFC either.
    error UsdfcSybilFeeNotMet();

    string public constant VERSION = "3.2.0";
    /// @notice Height of the largest piece.
    uint256 public constant MAX_PIECE_SIZE_LOG2 = 50;
    uint256 public constant MAX_ENQUEUED_REMOVALS = 2000;
    /// @notice What a data set costs to create, so that nobody fills the state for nothing: burned in FIL when FIL comes with
    /// the call, else paid in USDFC into the fee pool of FilecoinPay.
    uint256 public constant FIL_SYBIL_FEE = 0.1 ether;
    uint256 public immutable USDFC_SYBIL_FEE;
    address public immutable USDFC_TOKEN_ADDRESS;
    address public immutable PAYMENTS_CONTRACT_ADDRESS;
    /// @notice Burned a proof, by the size that it proves.
    uint96 public constant feePerTiB = 0.00023 ether;

    /// @dev FVM's beacon randomness by epoch.
    address private constant RANDOMNESS_PRECOMPILE = 0xfE00000000000000000000000000000000000006;
    uint256 private constant TIB_IN_LEAVES = (1 << 40) / 32;
    uint256 private immutable CHALLENGE_FINALITY;

    constructor(uint256 challengeFinality, address usdfc, uint256 usdfcSybilFee, address payments) {
        CHALLENGE_FINALITY = challengeFinality;
        USDFC_TOKEN_ADDRESS = usdfc;
        USDFC_SYBIL_FEE = usdfcSybilFee;
        PAYMENTS_CONTRACT_ADDRESS = payments;
    }

    /// @notice Epochs between setting a challenge epoch and reaching it, at least.
    function getChallengeFinality() external view returns (uint256) {
        return CHALLENGE_FINALITY;
    }

    /// @notice Creates an empty data set of the caller's under `listenerAddr`.
    function createDataSet(address listenerAddr, bytes calldata extraData) external payable returns (uint256) {
        return _create(listenerAddr, extraData);
    }

    /// @notice Adds pieces to a data set of the caller's. With set id 0 it creates one first, and `extraData` is the ABI encoding
    /// of two byte strings, one for each step.
    /// @return The id of the data set that was created, or else of the first piece that was added
    function addPieces(uint256 setId, address listenerAddr, Cids.Cid[] calldata pieceData, bytes calldata extraData)
        external
        payable
        returns (uint256)
    {
        if (setId == 0) {
            (bytes memory createData, bytes memory addData) = abi.decode(extraData, (bytes, bytes));
            uint256 created = _create(listenerAddr, createData);
            _add(created, pieceData, addData);
            return created;
        }
        require(listenerAddr == address(0), "Listener address must be zero for existing data set");
        require(msg.value == 0, "No fee is due for an existing data set");
        _own(setId);
        return _add(setId, pieceData, extraData);
    }

    /// @notice Marks pieces for removal at the start of the next proving period: a provider cannot drop the piece that a running
    /// challenge fell into.
    function schedulePieceDeletions(uint256 setId, uint256[] calldata pieceIds, bytes calldata extraData) external {
        DataSet storage set = _own(setId);
        require(set.scheduledRemovals.length + pieceIds.length <= MAX_ENQUEUED_REMOVALS, "Too many removals");
        for (uint256 i = 0; i < pieceIds.length; i++) {
            require(pieceLive(setId, pieceIds[i]), "Can only schedule removal of live pieces");
            require(!set.removalScheduled[pieceIds[i]], "Piece is already scheduled for removal");
            set.removalScheduled[pieceIds[i]] = true;
            set.scheduledRemovals.push(pieceIds[i]);
        }
        IPDPListener(set.listener).piecesScheduledRemove(setId, pieceIds, extraData);
    }

    /// @notice Begins a proving period: drops what was scheduled for removal and sets the epoch whose randomness will draw the
    /// challenges. The listener decides which epochs it takes.
    function nextProvingPeriod(uint256 setId, uint256 challengeEpoch, bytes calldata extraData) external {
        DataSet storage set = _own(setId);
        require(
            set.lastProvenEpoch != NO_PROVEN_EPOCH || set.leafCount > 0, "can only start proving once leaves are added"
        );
        _removeScheduled(setId, set);
        require(
            challengeEpoch >= block.number + CHALLENGE_FINALITY,
            "challenge epoch must be at least challengeFinality epochs in the future"
        );
        uint256 leafCount = set.leafCount;
        set.challengeRange = leafCount;
        set.nextChallengeEpoch = leafCount == 0 ? NO_CHALLENGE_SCHEDULED : challengeEpoch;
        if (leafCount == 0) emit DataSetEmpty(setId);
        emit NextProvingPeriod(setId, set.nextChallengeEpoch, leafCount);
        IPDPListener(set.listener).nextProvingPeriod(setId, set.nextChallengeEpoch, leafCount, extraData);
    }

    /// @notice Proves that the caller holds its data set, once a proving period.
    function provePossession(uint256 setId, Proof[] calldata proofs) external payable {
        DataSet storage set = _own(setId);
        uint256 challengeEpoch = set.nextChallengeEpoch;
        require(challengeEpoch != NO_CHALLENGE_SCHEDULED, "no challenge scheduled");
        require(block.number >= challengeEpoch, "premature proof");
        require(proofs.length > 0, "empty proof");
        uint256 seed = getRandomness(challengeEpoch);
        PieceIdAndOffset[] memory challenges = new PieceIdAndOffset[](proofs.length);
        for (uint256 i = 0; i < proofs.length; i++) {
            challenges[i] = _checkProof(setId, set, seed, uint64(i), proofs[i]);
        }
        uint256 fee = calculateProofFee(setId);
        set.lastProvenEpoch = block.number;
        emit PossessionProven(setId, challenges);
        emit ProofFeePaid(setId, fee);
        IPDPListener(set.listener).possessionProven(setId, set.challengeRange, seed, proofs.length);
        FilBurn.takeFee(fee);
    }

    /// @notice FIL that a proof of a data set burns.
    function calculateProofFee(uint256 setId) public view returns (uint256) {
        return _live(setId).challengeRange * feePerTiB / TIB_IN_LEAVES;
    }

    /// @notice Randomness of an epoch that has passed.
    function getRandomness(uint256 epoch) public view returns (uint256) {
        (bool success, bytes memory value) = RANDOMNESS_PRECOMPILE.staticcall(abi.encode(epoch));
        require(success && value.length == 32, "Randomness precompile call failed");
        return abi.decode(value, (uint256));
    }

    function _create(address listener, bytes memory extraData) private returns (uint256 setId) {
        require(listener != address(0), "Listener address must not be zero");
        setId = ++_dataSetCount;
        DataSet storage set = _dataSets[setId];
        set.storageProvider = msg.sender;
        set.listener = listener;
        emit DataSetCreated(setId, msg.sender);
        uint256 poolBefore = _feePool();
        IPDPListener(listener).dataSetCreated(setId, msg.sender, extraData);
        if (msg.value > 0) {
            require(msg.value >= FIL_SYBIL_FEE, "sybil fee not met");
            FilBurn.takeFee(FIL_SYBIL_FEE);
        } else if (_feePool() < poolBefore + USDFC_SYBIL_FEE) {
            revert UsdfcSybilFeeNotMet();
        }
    }

    function _add(uint256 setId, Cids.Cid[] calldata pieceData, bytes memory extraData)
        private
        returns (uint256 first)
    {
        DataSet storage set = _dataSets[setId];
        require(pieceData.length > 0, "Must add at least one piece");
        first = set.leaves.length;
        uint256[] memory pieceIds = new uint256[](pieceData.length);
        for (uint256 i = 0; i < pieceData.length; i++) {
            Cids.Piece memory piece = Cids.parse(pieceData[i].data);
            if (piece.height > MAX_PIECE_SIZE_LOG2) revert IndexedError(i, "Piece size must be less than 2^50");
            uint256 leaves = piece.leafCount();
            uint256 pieceId = set.leaves.append(leaves);
            set.pieceCids[pieceId] = pieceData[i];
            set.leafCounts[pieceId] = leaves;
            set.pieceIdsByCid[keccak256(pieceData[i].data)].push(pieceId);
            set.leafCount += leaves;
            pieceIds[i] = pieceId;
        }
        set.activePieces += pieceData.length;
        emit PiecesAdded(setId, pieceIds, pieceData);
        IPDPListener(set.listener).piecesAdded(setId, first, pieceData, extraData);
    }

    function _removeScheduled(uint256 setId, DataSet storage set) private {
        uint256[] memory pieceIds = set.scheduledRemovals;
        if (pieceIds.length == 0) return;
        for (uint256 i = 0; i < pieceIds.length; i++) {
            uint256 leaves = set.leafCounts[pieceIds[i]];
            set.leaves.subtract(pieceIds[i], leaves);
            set.leafCount -= leaves;
            delete set.leafCounts[pieceIds[i]];
            delete set.pieceCids[pieceIds[i]];
            delete set.removalScheduled[pieceIds[i]];
        }
        set.activePieces -= pieceIds.length;
        delete set.scheduledRemovals;
        emit PiecesRemoved(setId, pieceIds);
    }

    /// @dev The leaf is drawn by the chain: a provider that chose its own would prove the one leaf that it kept.
    function _checkProof(uint256 setId, DataSet storage set, uint256 seed, uint64 index, Proof calldata proof)
        private
        view
        returns (PieceIdAndOffset memory place)
    {
        uint256 leaf = uint256(keccak256(abi.encodePacked(seed, setId, index))) % set.challengeRange;
        place = _placeOf(set, leaf);
        Cids.Piece memory piece = Cids.parse(set.pieceCids[place.pieceId].data);
        require(
            PieceProof.verify(piece.root, piece.height, place.offset, proof.leaf, proof.proof), "proof did not verify"
        );
    }

    /// @dev What FilecoinPay holds for itself: fees, for anyone to buy at auction.
    function _feePool() private view returns (uint256 funds) {
        (funds,,,) = IFilecoinPay(PAYMENTS_CONTRACT_ADDRESS).accounts(USDFC_TOKEN_ADDRESS, PAYMENTS_CONTRACT_ADDRESS);
    }

    function _own(uint256 setId) private view returns (DataSet storage set) {
        set = _live(setId);
        require(msg.sender == set.storageProvider, "Only the storage provider can do this");
    }
}
