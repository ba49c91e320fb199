// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ILogAnchor} from "./ILogAnchor.sol";
import {
    Completion,
    IMarketplace,
    Inclusion,
    NewCheckpoint,
    Offer,
    Order,
    OrderRecord,
    OrderState,
    Permit,
    Share
} from "./IMarketplace.sol";
import {LogEntry} from "./LogEntry.sol";
import {Rfc6962} from "./Rfc6962.sol";
import {TypedData} from "./TypedData.sol";

/// @title Escrow for training runs that moves only on logged proof
contract Marketplace is IMarketplace, EIP712, ReentrancyGuard {
    using SafeERC20 for IERC20;

    uint256 public constant MAX_DURATION = 30 days;
    uint256 private constant MAX_PARTIES = 16;
    uint256 private constant BPS = 10_000;
    uint256 private constant MICROS = 1_000_000;

    /// @inheritdoc IMarketplace
    IERC20 public immutable token;
    /// @inheritdoc IMarketplace
    ILogAnchor public immutable log;
    /// @inheritdoc IMarketplace
    address public immutable treasury;
    /// @inheritdoc IMarketplace
    uint256 public immutable protocolFeeBps;

    /// @inheritdoc IMarketplace
    mapping(bytes32 keyId => address) public sellerOf;
    /// @inheritdoc IMarketplace
    mapping(bytes32 keyId => bytes32) public offerOf;
    /// @inheritdoc IMarketplace
    mapping(bytes32 keyId => bool) public isRevoked;
    /// @inheritdoc IMarketplace
    mapping(bytes32 keyId => mapping(bytes32 licence => bool)) public isLicenceRevoked;
    /// @inheritdoc IMarketplace
    mapping(address worker => bytes32) public orderOf;
    /// @inheritdoc IMarketplace
    mapping(address account => uint256) public owed;
    /// @inheritdoc IMarketplace
    uint256 public totalLocked;
    /// @inheritdoc IMarketplace
    uint256 public totalOwed;
    mapping(bytes32 orderId => OrderRecord) private _orders;

    constructor(IERC20 token_, ILogAnchor log_, address treasury_, uint256 protocolFeeBps_)
        EIP712("Weighbridge Marketplace", "1")
    {
        if (treasury_ == address(0) || protocolFeeBps_ > BPS) revert BadFee(treasury_, protocolFeeBps_);
        token = token_;
        log = log_;
        treasury = treasury_;
        protocolFeeBps = protocolFeeBps_;
    }

    /// @inheritdoc IMarketplace
    function list(Offer calldata offer) external returns (bytes32 keyId) {
        if (msg.sender != offer.seller) revert NotTheSeller(msg.sender);
        keyId = keccak256(abi.encode(offer.seller, offer.datasetId, offer.version));
        if (isRevoked[keyId]) revert KeyRevoked(keyId);
        if (block.timestamp > offer.validUntil) revert OfferExpired(offer.validUntil);
        _checkParties(offer);
        uint256 most = offer.price + _epsilonPrice(offer, offer.maxEpsilonMicros);
        if (most > type(uint128).max) revert PriceTooHigh(most);
        bytes32 digest = _hashTypedDataV4(TypedData.hashOffer(offer));
        sellerOf[keyId] = offer.seller;
        offerOf[keyId] = digest;
        emit Listed(keyId, offer.seller, digest);
    }

    /// @inheritdoc IMarketplace
    function revoke(bytes32 keyId) external {
        if (sellerOf[keyId] != msg.sender) revert NotTheSeller(msg.sender);
        isRevoked[keyId] = true;
        emit Revoked(keyId);
    }

    /// @inheritdoc IMarketplace
    function revokeLicence(bytes32 keyId, bytes32 licence) external {
        if (sellerOf[keyId] != msg.sender) revert NotTheSeller(msg.sender);
        isLicenceRevoked[keyId][licence] = true;
        emit LicenceRevoked(keyId, licence);
    }

    /// @inheritdoc IMarketplace
    function open(Order calldata order_, Offer calldata offer, Permit calldata permit)
        external
        nonReentrant
        returns (bytes32 orderId)
    {
        if (msg.sender != order_.buyer) revert NotTheBuyer(msg.sender);
        // The listed digest names the key as well: `list` computed the key from the offer.
        bytes32 listed = offerOf[order_.keyId];
        if (listed != order_.offer || listed != _hashTypedDataV4(TypedData.hashOffer(offer))) {
            revert OfferMismatch(listed);
        }
        if (block.timestamp > offer.validUntil) revert OfferExpired(offer.validUntil);
        if (order_.deadline <= block.timestamp || order_.deadline > block.timestamp + MAX_DURATION) {
            revert BadDeadline(order_.deadline);
        }
        _checkNotRevoked(order_);
        _checkOperator(offer.operators, order_.operator);
        if (order_.epsilonMicros > offer.maxEpsilonMicros) {
            revert EpsilonTooHigh(order_.epsilonMicros, offer.maxEpsilonMicros);
        }
        uint128 amount = _amount(offer, order_.epsilonMicros);
        orderId = _orderId(order_);
        OrderRecord storage record = _orders[orderId];
        if (record.state != OrderState.None) revert WrongState(record.state);
        record.buyer = order_.buyer;
        record.deadline = order_.deadline;
        record.state = OrderState.Open;
        record.amount = amount;
        record.keyId = order_.keyId;
        record.licence = order_.licence;
        record.splitHash = keccak256(abi.encode(_split(offer, order_.operator, amount)));
        totalLocked += amount;
        emit Opened(orderId, order_.buyer, order_.keyId, order_.operator, amount, order_.deadline);
        if (amount != 0) _collect(amount, permit);
    }

    /// @inheritdoc IMarketplace
    function recordAccess(
        Order calldata order_,
        address worker,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) external {
        _recordAccess(order_, worker, operatorSig, inclusion);
    }

    /// @inheritdoc IMarketplace
    function anchorAndRecord(
        NewCheckpoint calldata checkpoint,
        Order calldata order_,
        address worker,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) external {
        _anchor(checkpoint);
        _recordAccess(order_, worker, operatorSig, inclusion);
    }

    /// @inheritdoc IMarketplace
    function settle(
        Order calldata order_,
        Share[] calldata shares,
        Completion calldata completion,
        bytes calldata workerSig,
        Inclusion calldata inclusion
    ) external {
        _settle(order_, shares, completion, workerSig, inclusion);
    }

    /// @inheritdoc IMarketplace
    function anchorAndSettle(
        NewCheckpoint calldata checkpoint,
        Order calldata order_,
        Share[] calldata shares,
        Completion calldata completion,
        bytes calldata workerSig,
        Inclusion calldata inclusion
    ) external {
        _anchor(checkpoint);
        _settle(order_, shares, completion, workerSig, inclusion);
    }

    /// @inheritdoc IMarketplace
    function refund(Order calldata order_, bytes32 reason, bytes calldata operatorSig, Inclusion calldata inclusion)
        external
    {
        _refund(order_, reason, operatorSig, inclusion);
    }

    /// @inheritdoc IMarketplace
    function anchorAndRefund(
        NewCheckpoint calldata checkpoint,
        Order calldata order_,
        bytes32 reason,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) external {
        _anchor(checkpoint);
        _refund(order_, reason, operatorSig, inclusion);
    }

    /// @inheritdoc IMarketplace
    function withdraw(address to) external nonReentrant returns (uint256 amount) {
        amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);
        owed[msg.sender] = 0;
        totalOwed -= amount;
        emit Withdrawn(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IMarketplace
    function canRelease(bytes32 keyId, address caller) external view returns (bool) {
        OrderRecord storage record = _orders[orderOf[caller]];
        return record.state == OrderState.Recorded && record.keyId == keyId && block.timestamp <= record.deadline
            && !isRevoked[keyId] && !isLicenceRevoked[keyId][record.licence];
    }

    /// @inheritdoc IMarketplace
    function order(bytes32 orderId) external view returns (OrderRecord memory) {
        return _orders[orderId];
    }

    function _recordAccess(
        Order calldata order_,
        address worker,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) private {
        bytes32 orderId = _orderId(order_);
        OrderRecord storage record = _orders[orderId];
        if (record.state != OrderState.Open) revert WrongState(record.state);
        if (block.timestamp > order_.deadline) revert DeadlinePassed(order_.deadline);
        _checkNotRevoked(order_);
        if (worker == address(0) || orderOf[worker] != 0) revert WorkerUsed(worker);
        record.state = OrderState.Recorded;
        orderOf[worker] = orderId;
        _checkSignature(order_.operator, _hashTypedDataV4(TypedData.hashAssign(orderId, worker)), operatorSig);
        bytes32 structHash = TypedData.hashAccess(orderId, order_.keyId, order_.licence, worker);
        _checkLogged("weighbridge/v1 access-granted ", _hashTypedDataV4(structHash), inclusion);
        emit AccessRecorded(orderId, worker, inclusion.index, inclusion.size);
    }

    function _settle(
        Order calldata order_,
        Share[] calldata shares,
        Completion calldata completion,
        bytes calldata workerSig,
        Inclusion calldata inclusion
    ) private {
        bytes32 orderId = _orderId(order_);
        OrderRecord storage record = _orders[orderId];
        if (record.state != OrderState.Recorded) revert WrongState(record.state);
        if (block.timestamp > order_.deadline) revert DeadlinePassed(order_.deadline);
        if (orderOf[completion.worker] != orderId) revert NotTheWorker(completion.worker);
        if (keccak256(abi.encode(shares)) != record.splitHash) revert SplitMismatch(record.splitHash);
        bytes32 digest = _hashTypedDataV4(TypedData.hashCompletion(orderId, completion));
        _checkSignature(completion.worker, digest, workerSig);
        _checkLogged("weighbridge/v1 training-completed ", digest, inclusion);
        record.state = OrderState.Settled;
        for (uint256 i = 0; i < shares.length; i++) {
            owed[shares[i].to] += shares[i].amount;
        }
        _unlock(record.amount);
        emit Settled(orderId, completion.weightsDigest, completion.ciphertextDigest, inclusion.index, inclusion.size);
    }

    function _refund(Order calldata order_, bytes32 reason, bytes calldata operatorSig, Inclusion calldata inclusion)
        private
    {
        bytes32 orderId = _orderId(order_);
        OrderRecord storage record = _orders[orderId];
        if (record.state != OrderState.Open && record.state != OrderState.Recorded) revert WrongState(record.state);
        bytes32 why = 0;
        if (block.timestamp <= order_.deadline) {
            why = reason;
            bytes32 digest = _hashTypedDataV4(TypedData.hashRefusal(orderId, reason));
            _checkSignature(order_.operator, digest, operatorSig);
            _checkLogged("weighbridge/v1 training-refused ", digest, inclusion);
        }
        record.state = OrderState.Refunded;
        owed[order_.buyer] += record.amount;
        _unlock(record.amount);
        emit Refunded(orderId, why, record.amount);
    }

    /// @dev Somebody may have anchored this checkpoint or a later one meanwhile: no reason to fail.
    function _anchor(NewCheckpoint calldata checkpoint) private {
        if (checkpoint.size > log.size()) {
            log.anchor(checkpoint.size, checkpoint.root, checkpoint.proof, checkpoint.signatures);
        }
    }

    /// @dev What is no longer locked is owed to somebody.
    function _unlock(uint128 amount) private {
        totalLocked -= amount;
        totalOwed += amount;
    }

    /// @dev Anyone can spend a permit that it saw in the mempool, so a permit that fails is no reason to stop: what
    /// counts is the allowance, which the transfer checks.
    function _collect(uint128 amount, Permit calldata permit) private {
        if (permit.deadline != 0) {
            try IERC20Permit(address(token))
                .permit(msg.sender, address(this), amount, permit.deadline, permit.v, permit.r, permit.s) {}
                catch {}
        }
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert BadToken(received, amount);
    }

    function _orderId(Order calldata order_) private view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hashOrder(order_));
    }

    function _protocolFee(uint256 price) private view returns (uint256) {
        return price * protocolFeeBps / BPS;
    }

    /// @dev A zero address would lose money or, as an operator, match a failed recovery.
    function _checkParties(Offer calldata offer) private view {
        uint256 payees = offer.payees.length;
        uint256 operators = offer.operators.length;
        if (payees > MAX_PARTIES || operators == 0 || operators > MAX_PARTIES) revert BadParties();
        uint256 sum = offer.nodeFee + _protocolFee(offer.price);
        for (uint256 i = 0; i < payees; i++) {
            if (offer.payees[i].to == address(0)) revert BadParties();
            sum += offer.payees[i].amount;
        }
        for (uint256 i = 0; i < operators; i++) {
            if (offer.operators[i] == address(0)) revert BadParties();
        }
        if (sum != offer.price) revert BadSplit(sum, offer.price);
    }

    /// @dev Rounded up, so that no privacy is for free.
    function _epsilonPrice(Offer calldata offer, uint64 epsilonMicros) private pure returns (uint256) {
        return Math.ceilDiv(uint256(offer.pricePerEpsilon) * epsilonMicros, MICROS);
    }

    /// @dev A run without privacy may reveal anything, so it is never cheaper than the one that may reveal most.
    function _amount(Offer calldata offer, uint64 epsilonMicros) private pure returns (uint128) {
        uint64 charged = epsilonMicros == 0 ? offer.maxEpsilonMicros : epsilonMicros;
        return uint128(offer.price + _epsilonPrice(offer, charged)); // fits: `list` looked at the most it can be
    }

    /// @dev Payees, operator, the seller for privacy, protocol; zero amounts left out. Mirrors `splitOf` in
    /// `src/kernel/price.ts`.
    function _split(Offer calldata offer, address operator, uint128 amount)
        private
        view
        returns (Share[] memory shares)
    {
        uint256 payees = offer.payees.length;
        shares = new Share[](payees + 3);
        uint256 n = 0;
        for (uint256 i = 0; i < payees; i++) {
            if (offer.payees[i].amount != 0) shares[n++] = offer.payees[i];
        }
        if (offer.nodeFee != 0) shares[n++] = Share(operator, offer.nodeFee);
        uint128 fee = uint128(_protocolFee(amount)); // at most the amount
        uint128 forPrivacy = amount - offer.price - (fee - uint128(_protocolFee(offer.price)));
        if (forPrivacy != 0) shares[n++] = Share(offer.seller, forPrivacy);
        if (fee != 0) shares[n++] = Share(treasury, fee);
        assembly ("memory-safe") {
            mstore(shares, n)
        }
    }

    function _checkOperator(address[] calldata operators, address operator) private pure {
        for (uint256 i = 0; i < operators.length; i++) {
            if (operators[i] == operator) return;
        }
        revert OperatorNotAllowed(operator);
    }

    function _checkNotRevoked(Order calldata order_) private view {
        if (isRevoked[order_.keyId]) revert KeyRevoked(order_.keyId);
        if (isLicenceRevoked[order_.keyId][order_.licence]) revert LicenceIsRevoked(order_.licence);
    }

    /// @dev Takes ERC-1271 too, so that an operator may be a multisig.
    function _checkSignature(address signer, bytes32 digest, bytes calldata signature) private view {
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) revert NotSignedBy(signer);
    }

    function _checkLogged(bytes memory prefix, bytes32 digest, Inclusion calldata inclusion) private view {
        bytes32 root = log.rootOf(inclusion.size);
        if (root == 0) revert NotAnchored(inclusion.size);
        if (!LogEntry.hasHeader(inclusion.entry, prefix, digest)) revert WrongEntry(digest);
        bytes32 leaf = Rfc6962.leafHash(inclusion.entry);
        if (!Rfc6962.verifyInclusion(leaf, inclusion.index, inclusion.size, inclusion.proof, root)) {
            revert NotIncluded(inclusion.index, inclusion.size);
        }
    }
}
