// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ILogAnchor} from "./ILogAnchor.sol";

/// @notice An amount for somebody. EIP-712 type.
struct Share {
    address to;
    uint128 amount;
}

/// @notice What a seller offers for one dataset version. EIP-712 type; its digest is what `list` stores.
/// @dev `price` is of every run, divided among node, payees and protocol. What a run costs above it is
/// `pricePerEpsilon` for each whole epsilon of its privacy loss, and goes to the seller less the protocol's fee.
struct Offer {
    bytes32 datasetId;
    uint32 version;
    address seller;
    uint128 price;
    uint128 nodeFee;
    uint128 pricePerEpsilon;
    uint64 maxEpsilonMicros;
    Share[] payees;
    address[] operators;
    bytes32 termsDigest;
    bytes32 manifestDigest;
    uint64 validUntil;
}

/// @notice One paid training run. EIP-712 type; its digest is the order id.
/// @dev `epsilonMicros` is the privacy loss that the run may cause, in millionths of an epsilon. Zero is a run without
/// privacy, which costs as much as the largest loss that the offer takes.
struct Order {
    bytes32 keyId;
    bytes32 offer;
    address buyer;
    address operator;
    bytes32 licence;
    bytes32 jobDigest;
    uint64 epsilonMicros;
    uint64 deadline;
    bytes32 salt;
}

/// @notice An EIP-2612 permit for the price; `deadline` zero means none, the allowance is there already.
struct Permit {
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice A log entry, and its path to the root anchored for `size`.
struct Inclusion {
    uint64 size;
    uint64 index;
    bytes32[] proof;
    bytes entry;
}

/// @notice A checkpoint as `ILogAnchor.anchor` takes it.
struct NewCheckpoint {
    uint64 size;
    bytes32 root;
    bytes32[] proof;
    bytes[] signatures;
}

/// @notice What a worker vouches for. With the order id in front it is the EIP-712 type of the same name.
struct Completion {
    address worker;
    bytes32 weightsDigest;
    bytes32 ciphertextDigest;
}

/// @notice Open and Recorded orders hold the buyer's money; Settled and Refunded ones are final.
enum OrderState {
    None,
    Open,
    Recorded,
    Settled,
    Refunded
}

/// @notice What the contract keeps of an order.
struct OrderRecord {
    address buyer;
    uint64 deadline;
    OrderState state;
    uint128 amount;
    bytes32 keyId;
    bytes32 licence;
    bytes32 splitHash;
}

/// @title Escrow for training runs that moves only on logged proof
/// @notice A buyer's payment is locked against the offer that the seller listed, is split by the shares fixed then once
/// the finished run is proven to be in the transparency log, and goes back otherwise. A worker may ask for the data key
/// only after the record of its access is proven to be there.
/// @dev Digests are EIP-712 under ("Weighbridge Marketplace", "1"): what a party signs, what the header line of the log
/// entry carries, and what the contract computes are one value, bound to chain and contract. Payouts are credits that
/// payees withdraw, so that no payee can block the others.
interface IMarketplace {
    /// @notice The seller's current offer for a dataset version; a newer one counts for later orders.
    event Listed(bytes32 indexed keyId, address indexed seller, bytes32 offer);
    /// @notice No key of this dataset version is released any more.
    event Revoked(bytes32 indexed keyId);
    /// @notice No key of this dataset version is released under this licence any more.
    event LicenceRevoked(bytes32 indexed keyId, bytes32 indexed licence);
    /// @notice A buyer's payment is locked.
    event Opened(
        bytes32 indexed orderId,
        address indexed buyer,
        bytes32 indexed keyId,
        address operator,
        uint128 amount,
        uint64 deadline
    );
    /// @notice `worker` may ask for the key: its access stands at `index` of the log.
    event AccessRecorded(bytes32 indexed orderId, address indexed worker, uint64 index, uint64 size);
    /// @notice The run is proven done and everybody is credited.
    event Settled(bytes32 indexed orderId, bytes32 weightsDigest, bytes32 ciphertextDigest, uint64 index, uint64 size);
    /// @notice The buyer is credited. `reason` is zero when the deadline passed.
    event Refunded(bytes32 indexed orderId, bytes32 reason, uint128 amount);
    /// @notice Credit was paid out.
    event Withdrawn(address indexed account, address to, uint256 amount);

    /// @notice The constructor was given no treasury, or a fee above everything.
    error BadFee(address treasury, uint256 protocolFeeBps);
    /// @notice Only the seller lists and revokes its dataset versions.
    error NotTheSeller(address caller);
    /// @notice Payees, node fee and protocol fee must add up to the price.
    error BadSplit(uint256 sum, uint256 price);
    /// @notice The most that the offer can cost, price and privacy, does not fit an amount.
    error PriceTooHigh(uint256 most);
    /// @notice The order takes more privacy than the offer gives to one run.
    error EpsilonTooHigh(uint64 epsilonMicros, uint64 maxEpsilonMicros);
    /// @notice An offer has at most 16 payees and from 1 to 16 operators, and the zero address is none of them.
    error BadParties();
    /// @notice The offer is no longer valid.
    error OfferExpired(uint64 validUntil);
    /// @notice The order does not name the offer that is listed, or the offer given is not it.
    error OfferMismatch(bytes32 listed);
    /// @notice The seller revoked the dataset version.
    error KeyRevoked(bytes32 keyId);
    /// @notice The seller revoked the licence.
    error LicenceIsRevoked(bytes32 licence);
    /// @notice Only the buyer that the order names opens it.
    error NotTheBuyer(address caller);
    /// @notice The seller does not allow this operator.
    error OperatorNotAllowed(address operator);
    /// @notice A deadline lies in the future and at most `MAX_DURATION` away.
    error BadDeadline(uint64 deadline);
    /// @notice The token did not deliver the price to the last unit: it takes a fee, or it rebases.
    error BadToken(uint256 received, uint256 price);
    /// @notice The order is not in a state for this call.
    error WrongState(OrderState state);
    /// @notice The order's deadline is over: it can only be refunded.
    error DeadlinePassed(uint64 deadline);
    /// @notice The worker address is zero, or it served an order already.
    error WorkerUsed(address worker);
    /// @notice The worker is not the one recorded for this order.
    error NotTheWorker(address worker);
    /// @notice The shares are not those that `open` fixed.
    error SplitMismatch(bytes32 splitHash);
    /// @notice The signature is not by this account.
    error NotSignedBy(address signer);
    /// @notice No checkpoint of this size was ever anchored.
    error NotAnchored(uint64 size);
    /// @notice The entry's header line is not of the wanted type about this digest.
    error WrongEntry(bytes32 digest);
    /// @notice The proof does not lead from the entry to the anchored root.
    error NotIncluded(uint64 index, uint64 size);
    /// @notice There is nothing to withdraw.
    error NothingOwed(address account);

    /// @notice Lists a dataset version, or replaces its offer for later orders. Only the seller that the offer names.
    /// @return keyId keccak256(abi.encode(seller, datasetId, version)): nobody else can list it
    function list(Offer calldata offer) external returns (bytes32 keyId);

    /// @notice Stops key release for a dataset version, for good. Only its seller. Runs that have the key are still paid.
    function revoke(bytes32 keyId) external;

    /// @notice Stops key release for one licence of a dataset version, for good. Only its seller.
    function revokeLicence(bytes32 keyId, bytes32 licence) external;

    /// @notice Locks what the listed offer asks for one training run: its price, and what the run's privacy loss costs.
    /// Only the buyer that the order names.
    /// @dev A price of zero is allowed: data that is free still leaves a record before a key is released.
    /// @return orderId EIP-712 digest of the order
    function open(Order calldata order_, Offer calldata offer, Permit calldata permit)
        external
        returns (bytes32 orderId);

    /// @notice Records the logged access of `worker`, which may then ask for the key. Anyone may call.
    /// @param operatorSig The operator's `Assign(orderId, worker)`; ERC-1271 is taken
    /// @param inclusion Proof of the `access-granted` entry about `Access(orderId, keyId, licence, worker)`
    function recordAccess(
        Order calldata order_,
        address worker,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) external;

    /// @notice `recordAccess` in one transaction with the checkpoint that its proof needs.
    /// @dev Somebody may have anchored this checkpoint or a later one meanwhile: then the anchor is skipped. The proof
    /// must in any case be against a size that is anchored.
    function anchorAndRecord(
        NewCheckpoint calldata checkpoint,
        Order calldata order_,
        address worker,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) external;

    /// @notice Credits everybody for a finished run, until the deadline. Anyone may call.
    /// @param shares All of them, as `open` fixed them: payees, operator, the seller for privacy, protocol; zero amounts
    /// left out
    /// @param workerSig The worker's `Completion`
    /// @param inclusion Proof of the `training-completed` entry about it
    function settle(
        Order calldata order_,
        Share[] calldata shares,
        Completion calldata completion,
        bytes calldata workerSig,
        Inclusion calldata inclusion
    ) external;

    /// @notice `settle` in one transaction with the checkpoint that its proof needs.
    function anchorAndSettle(
        NewCheckpoint calldata checkpoint,
        Order calldata order_,
        Share[] calldata shares,
        Completion calldata completion,
        bytes calldata workerSig,
        Inclusion calldata inclusion
    ) external;

    /// @notice Credits the buyer: until the deadline on the operator's logged refusal, after it without any proof.
    /// @param reason A word of the closed list, ASCII; ignored after the deadline
    /// @param operatorSig The operator's `Refusal(orderId, reason)`; empty after the deadline
    /// @param inclusion Proof of the `training-refused` entry about it; empty after the deadline
    function refund(Order calldata order_, bytes32 reason, bytes calldata operatorSig, Inclusion calldata inclusion)
        external;

    /// @notice `refund` in one transaction with the checkpoint that its proof needs.
    function anchorAndRefund(
        NewCheckpoint calldata checkpoint,
        Order calldata order_,
        bytes32 reason,
        bytes calldata operatorSig,
        Inclusion calldata inclusion
    ) external;

    /// @notice Pays out what the caller is owed.
    /// @return amount In the token's smallest unit
    function withdraw(address to) external returns (uint256 amount);

    /// @notice Whether key nodes may release the key to this caller: it is the worker of an order whose access is
    /// recorded, which is not finished, not past its deadline, and whose dataset and licence are not revoked.
    function canRelease(bytes32 keyId, address caller) external view returns (bool);

    /// @notice What is kept of an order; all zero if there is none.
    function order(bytes32 orderId) external view returns (OrderRecord memory);

    /// @notice Who listed a dataset version; zero if nobody did.
    function sellerOf(bytes32 keyId) external view returns (address);

    /// @notice Digest of the current offer of a dataset version; zero if it is not listed.
    function offerOf(bytes32 keyId) external view returns (bytes32);

    /// @notice Whether the seller revoked the dataset version.
    function isRevoked(bytes32 keyId) external view returns (bool);

    /// @notice Whether the seller revoked the licence.
    function isLicenceRevoked(bytes32 keyId, bytes32 licence) external view returns (bool);

    /// @notice The order that a worker address serves, for ever; zero if none.
    function orderOf(address worker) external view returns (bytes32);

    /// @notice What an account may withdraw.
    function owed(address account) external view returns (uint256);

    /// @notice Sum of all open and recorded orders. The contract holds `totalLocked + totalOwed`, or more if given to.
    function totalLocked() external view returns (uint256);

    /// @notice Sum of all credits.
    function totalOwed() external view returns (uint256);

    /// @notice What is paid in: USDFC.
    function token() external view returns (IERC20);

    /// @notice The log whose checkpoints count.
    function log() external view returns (ILogAnchor);

    /// @notice Who gets the protocol's fee.
    function treasury() external view returns (address);

    /// @notice The protocol's part of each price in basis points, rounded down.
    function protocolFeeBps() external view returns (uint256);
}
