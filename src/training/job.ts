import type { Address, Bytes32, ErrorCode, Hex, Offer, Order, Share } from '../kernel/index.js';
import type { RefusalReason, TrainerIdentity } from '../provenance/statements.js';
import type { JobState } from './job-state.js';
import type { ModelDeclaration } from './model-declaration.js';
import type { ModelFiles } from './model-files/index.js';

/** What is fixed when a job is submitted. Addresses are lower case. */
export interface NewJob {
  /** The order id, and the job id everywhere. */
  id: Bytes32;
  keyId: Bytes32;
  buyer: Address;
  seller: Address;
  operator: Address;
  order: Order;
  offer: Offer;
  /** Everybody who is paid at settlement, as `splitOf` gives them. */
  shares: Share[];
  licenceId: Bytes32;
  jobDigest: Bytes32;
  declaration: ModelDeclaration;
  /** age recipient of the buyer. */
  recipient: string;
  priceWei: bigint;
  deadline: Date;
}

/** What the worker adds on the way. Each is written before the side effect that depends on it. */
export interface JobFacts {
  reason: RefusalReason | null;
  /** What it waits for, by the code of the last failure that may heal by itself; null while it moves. */
  waitingFor: ErrorCode | null;
  worker: Address | null;
  /** The exact log entry being appended in granting, completing and refusing. */
  pendingEntry: Uint8Array | null;
  accessIndex: number | null;
  recordTransaction: Hex | null;
  /** SHA-256 of the plaintext weights, hex without prefix. */
  weightsDigest: string | null;
  /** SHA-256 of the age file, hex without prefix: its name in the blob store. */
  ciphertextDigest: string | null;
  /** What lies beside the weights: text by file name. */
  modelFiles: ModelFiles | null;
  trainer: TrainerIdentity | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  completionIndex: number | null;
  refusalIndex: number | null;
  settleTransaction: Hex | null;
  refundTransaction: Hex | null;
  settlementIndex: number | null;
  /** When its buyer asked for it to end. */
  cancelledAt: Date | null;
  progressStep: number;
  progressOf: number;
  /** Of training, by its last report. */
  secondsLeft: number | null;
  /** The assembled receipt, plain JSON. */
  receipt: unknown;
}

export interface Job extends NewJob, JobFacts {
  state: JobState;
  createdAt: Date;
  updatedAt: Date;
}

export type JobPatch = Partial<JobFacts>;
