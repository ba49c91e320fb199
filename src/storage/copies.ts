import type { Address, Hex } from '../kernel/index.js';

/** As many as a dataset is to have, so that any provider may fail. */
export const COPIES = 2;

/** A copy of a dataset: a data set at one provider, paid for by the seller. */
export interface CopyRef {
  providerId: number;
  dataSetId: number;
}

/** What the chain says of a copy. Epochs are block numbers; dates follow from them at the chain's present pace. */
export interface CopyState extends CopyRef {
  provider: Address;
  /** Base URL of the provider's API; empty for one that left the registry. */
  serviceUrl: string;
  /** Head of the chain when this was read. */
  epoch: bigint;
  pieceCount: number;
  sizeBytes: number;
  lastProvenEpoch: bigint | null;
  lastProvenAt: Date | null;
  provenThisPeriod: boolean;
  /** Last epoch of the running proving period; null before the first. */
  deadlineEpoch: bigint | null;
  periodEpochs: bigint;
  /** Periods without a proof that the chain has on record, lately. */
  faultPeriods: number;
  /** Periods that have ended without a proof and are not on record yet: only the provider can put them there. */
  overduePeriods: number;
  ratePerEpochWei: bigint;
  paidUntilEpoch: bigint;
  /** Null for never: nothing is being paid. */
  paidUntil: Date | null;
}

/** What is left of a copy whose service was ended: a rail that runs to its end, and is then settled and gone. */
export interface EndedCopyState extends CopyRef {
  /** Base URL of the provider's API; empty for one that left the registry. */
  serviceUrl: string;
  epoch: bigint;
  /** The last epoch that the provider may be paid for. */
  endEpoch: bigint;
  endsAt: Date | null;
  /** Settled to its end: nothing is owed, and nothing of the deposit is held for it. */
  settled: boolean;
  /** What of the deposit is held for it at most, until it is settled. */
  heldWei: bigint;
  /** Its provider never began to prove: FilecoinPay then grants nothing and gives nothing back, and `heldWei` stays held. */
  neverProved: boolean;
}

/** A payer's deposit for storage. */
export interface StorageAccount {
  payer: Address;
  depositWei: bigint;
  /** What is not locked for the rails' notice period. */
  availableWei: bigint;
  ratePerEpochWei: bigint;
  epoch: bigint;
  /** Epochs until the free part is used up; the greatest number if nothing is spent. */
  runwayEpochs: bigint;
  fundedUntilEpoch: bigint;
}

/** Epochs in a day of Filecoin, by which the service bills; a devnet with faster blocks lives through its days faster. */
export const EPOCHS_PER_DAY = 2_880n;

/** Whole days that a deposit lasts; Infinity if nothing is spent. */
export function runwayDays({ ratePerEpochWei, runwayEpochs }: StorageAccount): number {
  return ratePerEpochWei === 0n ? Infinity : Number(runwayEpochs / EPOCHS_PER_DAY);
}

/**
 * A seller's signatures that let one provider make one copy of exactly these pieces, once. They are worth nothing to anybody
 * else and for anything else, and void after `validUntil`.
 */
export interface RepairPermit {
  providerId: number;
  payer: Address;
  clientDataSetId: string;
  /** In order: the first makes the data set. */
  calls: { pieceCids: string[]; extraData: Hex }[];
  validUntil: string;
}

/** A proof of possession that was verified anew. */
export interface VerifiedProof {
  dataSetId: number;
  epoch: bigint;
  transaction: Hex;
  challenges: { pieceId: number; leaf: number }[];
  /** Whether the challenges were drawn anew from the chain's randomness, or read from the contract's event. */
  randomness: 'drawn again' | 'taken from the event';
}
