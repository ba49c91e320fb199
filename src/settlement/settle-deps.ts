import type { LocalAccount } from 'viem';
import type { MarketplaceChain } from '../access/ports.js';
import type { Network } from '../kernel/index.js';
import type { LogClient } from '../provenance/index.js';
import type { Job, JobRepository, RunJobDeps } from '../training/index.js';

/** Where the records that came before a job stand in the log. */
export interface JobRecords {
  /** `dataset-listed` of the offer that the order names. */
  datasetIndex: number;
  /** `licence-issued` of the order's licence. */
  licenceIndex: number;
}

/** What settling a job touches, as ports; `workers/main.ts` binds them. */
export interface SettleJobDeps {
  network: Network;
  jobs: Pick<JobRepository, 'get' | 'transition' | 'patch' | 'fixRecord'>;
  log: LogClient;
  chain: MarketplaceChain;
  /** Signs refusals for the contract. */
  operator: LocalAccount;
  /** Signs `job-settled`. */
  recorder: LocalAccount;
  workerSeed: Uint8Array;
  recordsOf(job: Job): Promise<JobRecords>;
  licenceOf: RunJobDeps['licenceOf'];
}
