import type { Address, Bytes32, Hex, Order, Share } from '../kernel/index.js';
import type { WrappedKey } from '../catalog/manifest.js';

/** Signs as one address. viem's `LocalAccount` fits. */
export interface Signer {
  readonly address: Address;
  signMessage(args: { message: { raw: Uint8Array } | string }): Promise<Hex>;
}

/** Threshold key custody: no single party can open a data key. */
export interface KeyVault {
  /** Encrypts a 32-byte data key so that key nodes release it only while `canRelease(keyId, caller)` holds on chain. */
  wrap(dataKey: Uint8Array, keyId: Bytes32): Promise<WrappedKey>;
  /**
   * Asks the key nodes as `worker`.
   * @throws WeighbridgeError KEY_DENIED (the chain says no), KEY_NODES_DOWN (too few nodes answer; retryable)
   */
  unwrap(wrapped: WrappedKey, worker: Signer): Promise<Uint8Array>;
}

/** A leaf and its path under an anchored root, as the contracts take it. */
export interface InclusionArgs {
  size: bigint;
  index: bigint;
  proof: Bytes32[];
  /** The whole log entry. */
  entry: Hex;
}

/** A checkpoint that LogAnchor may not know yet, with the consistency proof from the newest it knows. */
export interface CheckpointArgs {
  size: bigint;
  root: Bytes32;
  proof: Bytes32[];
  signatures: Hex[];
}

export type OrderState = 'none' | 'open' | 'recorded' | 'settled' | 'refunded';

export interface OnChainOrder {
  state: OrderState;
  buyer: Address;
  keyId: Bytes32;
  amountWei: bigint;
  /** Unix seconds. */
  deadline: number;
  /** keccak256(abi.encode(shares)) as fixed at `open`. */
  splitHash: Bytes32;
}

/**
 * `Marketplace` and `LogAnchor` as the operator's worker uses them. Every write waits for its receipt, is safe to call
 * again after a crash (it looks at the chain first, and answers with the transaction that did it), and has a time-out.
 * @throws WeighbridgeError CHAIN_UNAVAILABLE (retryable), TRANSACTION_REVERTED with the contract's custom error named
 */
export interface MarketplaceChain {
  order(orderId: Bytes32): Promise<OnChainOrder>;
  offerOf(keyId: Bytes32): Promise<Bytes32>;
  isRevoked(keyId: Bytes32): Promise<boolean>;
  isLicenceRevoked(keyId: Bytes32, licence: Bytes32): Promise<boolean>;
  canRelease(keyId: Bytes32, caller: Address): Promise<boolean>;
  /** Size and root of the newest anchored checkpoint; size 0 if none. */
  anchored(): Promise<{ size: bigint; root: Bytes32 }>;
  /** Chain time, Unix seconds. */
  now(): Promise<number>;
  /** Anchors the checkpoint unless a newer one stands, and records the access, in one transaction. */
  anchorAndRecord(
    checkpoint: CheckpointArgs,
    order: Order,
    worker: Address,
    assignSignature: Hex,
    inclusion: InclusionArgs,
  ): Promise<Hex>;
  anchorAndSettle(
    checkpoint: CheckpointArgs,
    order: Order,
    shares: Share[],
    completion: { worker: Address; weightsDigest: Bytes32; ciphertextDigest: Bytes32; workerSignature: Hex },
    inclusion: InclusionArgs,
  ): Promise<Hex>;
  anchorAndRefund(
    checkpoint: CheckpointArgs,
    order: Order,
    refusal: { reason: Bytes32; operatorSignature: Hex },
    inclusion: InclusionArgs,
  ): Promise<Hex>;
  /** After the deadline nobody has to prove anything. */
  refundExpired(order: Order): Promise<Hex>;
}
