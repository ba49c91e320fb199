import type { LocalAccount } from 'viem';
import type { Address, Bytes32, Network } from '../../kernel/index.js';
import type { PrismaService } from '../../platform/index.js';
import type { DatasetLog } from '../../provenance/index.js';
import type { CopyState, EndedCopyState, RepairPermit, StorageAccount } from '../copies.js';
import type { StorageRepository } from './storage.repository.js';

/** A listed dataset version whose copies are looked after. */
export interface WatchedDataset {
  keyId: Bytes32;
  datasetId: Bytes32;
  seller: Address;
  pieces: { pieceCid: string; sizeBytes: number }[];
}

/**
 * Storage as anyone may look at it: no key is needed for any of this.
 * @throws WeighbridgeError CHAIN_UNAVAILABLE (retryable)
 */
export interface StorageNetwork {
  /**
   * The copies of a dataset that the chain knows of, oldest first: those that are not being ended and, for one version's, that list
   * every one of its pieces. A copy that a repair made is of one version; another one may share some of its pieces.
   */
  copiesOf(payer: Address, dataset: Bytes32, pieceCids?: string[]): Promise<CopyState[]>;
  /** Those whose service was ended, by delisting say: what is still to be paid for them, and whether that is over. */
  endedCopiesOf(payer: Address, dataset: Bytes32): Promise<EndedCopyState[]>;
  /** Whether a provider says that it has the pieces. Never throws for a provider that is away. */
  presence(copy: CopyState, pieceCids: string[]): Promise<'held' | 'missing' | 'silent'>;
  /** Reads one piece from one copy and compares it with its CID. Never throws for a provider that is away. */
  sample(copy: CopyState, pieceCid: string): Promise<'good' | 'corrupt' | 'silent'>;
  accountOf(payer: Address): Promise<StorageAccount>;
  /**
   * Has a provider make the copy that a permit allows, from one of the copies at `sources`. May be repeated.
   * @returns the new copy's data set
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), NO_BALANCE
   */
  repair(permit: RepairPermit, sources: string[]): Promise<number>;
}

export interface WatchDeps {
  network: Network;
  prisma: PrismaService;
  storage: StorageRepository;
  chain: StorageNetwork;
  log: DatasetLog;
  /** Whether the seller revoked a dataset version, as the contract has it. */
  isRevoked(keyId: Bytes32): Promise<boolean>;
  /** Signs the records. */
  recorder: LocalAccount;
  /** Every listed dataset, in pages. */
  datasets(): AsyncIterable<WatchedDataset[]>;
  onFault(error: unknown, about: string): void;
  now(): Date;
}
