import type { LocalAccount } from 'viem';
import type { KeyVault, MarketplaceChain } from '../access/ports.js';
import type { Address, Bytes32, Hex, Network, Offer, Order } from '../kernel/index.js';
import type { RecordStreams, TrainerIdentity } from '../provenance/index.js';
import type {
  PieceHeader,
  PieceParts,
  PieceStore,
  RepairPermit,
  StepTimer,
  StorageNetwork,
  VerifiedParts,
  VerifiedProof,
} from '../storage/index.js';
import type { ModelDeclaration, Trainer } from '../training/models.js';

/** The user's own account: signs locally, the key stays in the process. */
export type Account = LocalAccount;

/** A piece that is made as it is read. */
export interface SealedPiece {
  bytes: AsyncIterable<Uint8Array>;
  /** Text form. Known after the last byte. */
  pieceCid(): string;
}

/** What costs processor time in publishing, beside the main thread. */
export interface SealingThreads {
  /** What the seller should know of this machine, such as that piece CIDs take long here. */
  readonly notice: string | undefined;
  /** SHA-256 of a file, hex. */
  digest(file: string, onProgress?: (bytes: number) => void): Promise<string>;
  /**
   * Encrypts a shard's file and computes the piece CID in the same pass, no faster than `bytes` is read.
   * @param key - 32 bytes, for this shard only; overwritten once `bytes` is read
   * @param layout - for the index of the piece, which has none without it
   */
  seal(file: string, dataBytes: number, key: Uint8Array, header: PieceHeader, layout: Uint8Array): SealedPiece;
  close(): Promise<void>;
}

/** What anybody may ask the contracts. */
export type ChainReader = Pick<
  MarketplaceChain,
  'order' | 'offerOf' | 'isRevoked' | 'isLicenceRevoked' | 'anchored' | 'now'
> & {
  /** The order that a worker address serves, once its access is recorded; undefined if none. */
  orderOf(worker: Address): Promise<Bytes32 | undefined>;
  /** The root that LogAnchor keeps for a tree size; undefined if that size was never anchored. */
  rootOf(size: bigint): Promise<Bytes32 | undefined>;
  /** What became of a transaction; undefined if the chain has none of that hash. */
  transaction(hash: Hex): Promise<{ succeeded: boolean; to: Address | null } | undefined>;
};

/** Every write waits for its receipt and looks at the chain first, so that it may be called again. */
export interface SellerChain extends Pick<ChainReader, 'offerOf' | 'isRevoked'> {
  /** Lists the offer, unless it is the listed one already. @returns the transaction that did it */
  listOffer(offer: Offer): Promise<Hex>;
  /** Stops key release for a dataset version, for good. @returns the transaction that did it */
  revoke(keyId: Bytes32): Promise<Hex>;
  /** Stops key release for one licence of it, for good. @returns the transaction that did it */
  revokeLicence(keyId: Bytes32, licence: Bytes32): Promise<Hex>;
}

export interface BuyerChain extends Omit<ChainReader, 'transaction' | 'rootOf' | 'orderOf'> {
  usdfcBalance(): Promise<bigint>;
  /** Pays into escrow with an EIP-2612 permit, in one transaction. */
  open(order: Order, offer: Offer): Promise<Hex>;
  /** Credit of this account in the contract. */
  owed(): Promise<bigint>;
  withdraw(): Promise<Hex>;
  refundExpired(order: Order): Promise<Hex>;
}

/** Storage as anyone may look at it. */
export interface StorageReader extends StorageNetwork {
  /** @throws WeighbridgeError PROOF_INVALID; BAD_INPUT for a copy that was never proven */
  verifyLastProof(dataSetId: number): Promise<VerifiedProof>;
}

/** What a seller's wallet does about storage, beside publishing. */
export interface SellerStorage {
  /** Finds out beforehand what every other call does first: whether chain and contracts are those that this code knows. */
  ready(): Promise<void>;
  topUp(amountWei: bigint): Promise<void>;
  /** Settles rails past their ends that nobody has settled, which frees what they held. @returns how many */
  settleEnded(): Promise<number>;
  /** Pays what is free of the deposit back to the wallet. @throws WeighbridgeError NO_BALANCE */
  withdraw(amountWei: bigint): Promise<void>;
  /** Has every copy of a dataset deleted and stops paying for it. May be repeated. */
  end(dataset: Bytes32): Promise<{ dataSetId: number; providerId: number; deleting: number; refused: number }[]>;
  /** Does beforehand what `permitRepairs` would wait for on chain. */
  prepareRepairs(validMs: number): Promise<void>;
  /** Signs what lets a lost copy of these pieces be replaced while the wallet is away. */
  permitRepairs(dataset: Bytes32, pieceCids: string[], validMs: number): Promise<RepairPermit[]>;
}

/** What a seller asks of the key nodes' network. */
export type KeyWrapper = Pick<KeyVault, 'wrap'> & { close(): Promise<void> };

export type PieceReader = VerifiedParts & Pick<PieceStore, 'download'>;

/** What the trainer would say of a model: `workers/estimate`, where it is installed. */
export interface ModelChecker {
  /** Undefined where the trainer is not installed. */
  estimate(
    model: { declaration: ModelDeclaration; graph: Uint8Array; weights: Uint8Array },
    rowCount: number,
  ): Promise<TrainerEstimate | undefined>;
}
export type TrainerEstimate =
  | {
      admitted: true;
      /** Forward and backward. */
      flopsPerRow: number;
      /** Beside the interpreter's own. */
      memoryBytes: number;
      compileSeconds: number;
      /** Optimiser steps of the whole run. */
      steps: number;
    }
  | { admitted: false; reason: string; detail: string };

/** The public record streams, for reading. */
export type CeramicReader = Pick<RecordStreams, 'loadBatch' | 'readBatches'>;

/**
 * The networks, as the commands need them. Each is loaded when it is first asked for: the SDKs take seconds to import, and
 * `weighbridge --help` and `verify` must not wait for them.
 */
export interface Adapters {
  sealingThreads(): Promise<SealingThreads>;
  /** Stores the pieces of one dataset, twice. */
  pieceStore(network: Network, account: Account, dataset: Bytes32, time: StepTimer): Promise<PieceStore>;
  pieceParts(network: Network): Promise<PieceParts>;
  /** Whole pieces and parts of them. */
  pieceReader(network: Network): Promise<PieceReader>;
  storageNetwork(network: Network): Promise<StorageReader>;
  sellerStorage(network: Network, account: Account): Promise<SellerStorage>;
  keyWrapper(network: Network): Promise<KeyWrapper>;
  sellerChain(network: Network, account: Account): Promise<SellerChain>;
  buyerChain(network: Network, account: Account): Promise<BuyerChain>;
  chainReader(network: Network): Promise<ChainReader>;
  /** Of the coin that pays for transactions, in its smallest unit. */
  nativeBalance(network: Network, address: Address): Promise<bigint>;
  ceramic(network: Network): Promise<CeramicReader>;
  modelChecker(): Promise<ModelChecker>;
  /** A sandbox on this machine, whose compiled programs run on so many threads. */
  trainer(engine: Pick<TrainerIdentity, 'threads' | 'device'>): Promise<Trainer>;
}
