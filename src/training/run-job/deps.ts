import type { LocalAccount } from 'viem';
import type { StoredLicence } from '../../access/index.js';
import type { KeyVault, MarketplaceChain } from '../../access/ports.js';
import type { Manifest, Terms } from '../../catalog/manifest.js';
import type { ErrorCode, Network } from '../../kernel/index.js';
import type { BlobStore } from '../../platform/index.js';
import type { LogClient } from '../../provenance/index.js';
import type { PieceStore, VerifiedParts } from '../../storage/index.js';
import type { CheckpointStore } from '../checkpoints/checkpoint-files.js';
import type { Job } from '../job.js';
import type { JobState } from '../job-state.js';
import type { JobRepository } from '../job.repository.js';
import type { Trainer } from '../ports.js';

/** What a watcher of the job sees next. */
export interface JobReport {
  state: JobState;
  step: number;
  of: number;
  reason?: string;
  /** What the job waits for before it is tried again. */
  waitingFor?: ErrorCode;
  /** Of training, at its pace so far. */
  secondsLeft?: number | null;
  /** Ciphertext of the rows that is there, before steps begin. */
  fetchedBytes?: number;
  /** And all of it. */
  toFetchBytes?: number;
}

/** As much of pino as a use case needs. */
export interface JobLogger {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** Everything that running a job touches, as ports; `workers/main.ts` binds them. */
export interface RunJobDeps {
  network: Network;
  jobs: Pick<JobRepository, 'get' | 'transition' | 'patch' | 'fixRecord'>;
  /** The manifest that the job's offer names. @throws WeighbridgeError DATASET_NOT_FOUND */
  manifestOf(job: Job): Promise<Manifest>;
  /** The seller's terms that the job's offer names. @throws WeighbridgeError DATASET_NOT_FOUND */
  termsOf(job: Job): Promise<Terms>;
  /** The job's licence: its buyer, as the records know it, and that account's word for the pseudonym. */
  licenceOf(job: Job): Promise<Pick<StoredLicence, 'licence' | 'pseudonymSignature'>>;
  blobs: Pick<BlobStore, 'read' | 'put'>;
  log: LogClient;
  chain: MarketplaceChain;
  vault: KeyVault;
  pieces: PieceStore;
  /** The same pieces by blocks, for runs that read few columns. */
  parts?: VerifiedParts;
  trainer: Trainer;
  /** Sealed states of runs. */
  checkpoints: CheckpointStore;
  /** Signs assignments, records and refusals, and pays for gas. */
  operator: LocalAccount;
  /** 32 bytes; each job's worker account is derived from it. */
  workerSeed: Uint8Array;
  logger: JobLogger;
  /** Aborts when the worker shuts down. */
  signal: AbortSignal;
  report(report: JobReport): Promise<void>;
}
