import type { z } from 'zod';
import { isWeighbridgeError, WeighbridgeError, type Bytes32, type Network } from '../../kernel/index.js';
import type { RepairPermit } from '../../storage/index.js';
import type { Account } from '../ports.js';
import { getBlob, putBlob } from './blobs.js';
import { graphql, type Operation } from './graphql.js';
import * as operations from './operations.js';
import type { Position } from '../../provenance/index.js';
import type {
  Dataset,
  DatasetSummary,
  Job,
  JobProgress,
  Licence,
  ModelFiles,
  ModelPage,
  Page,
  PrivacyBalance,
  Revocation,
} from './schemas.js';
import { signIn } from './sign-in.js';

/** The marketplace's API as the commands use it. */
export interface MarketApi {
  datasets(search: string | undefined, first: number, after?: string): Promise<Page<DatasetSummary>>;
  /** @throws WeighbridgeError DATASET_NOT_FOUND, OFFER_MISMATCH for an answer with another one */
  dataset(id: string): Promise<Dataset>;
  /** What the marketplace says is taken of its privacy budget. @throws WeighbridgeError DATASET_NOT_FOUND */
  privacyBalance(id: Bytes32): Promise<PrivacyBalance>;
  listDataset(input: Record<string, unknown>): Promise<{ id: Bytes32; logIndex: number }>;
  /** @returns how many were taken */
  permitRepairs(dataset: Bytes32, permits: RepairPermit[]): Promise<number>;
  issueLicence(input: Record<string, unknown>): Promise<{ id: Bytes32; logIndex: number }>;
  /** The place of the dataset's next record. @throws WeighbridgeError DATASET_NOT_FOUND */
  nextRecord(id: Bytes32): Promise<Position>;
  /** The dataset of a licence of the account's, as buyer or seller. @throws WeighbridgeError LICENCE_NOT_FOUND */
  datasetOfLicence(licence: string): Promise<Bytes32>;
  revokeConsent(input: Record<string, unknown>): Promise<Revocation>;
  /** The account's own, newest first. */
  licences(first: number): Promise<Page<Licence>>;
  /** Twenty models behind weights or, `forward`, made of them, or trained on a dataset; each with every record behind it. */
  lineage(of: { weights: string; forward?: boolean } | { dataset: Bytes32 }, after?: string): Promise<ModelPage>;
  /** @throws WeighbridgeError LICENCE_NOT_FOUND */
  erase(licence: Bytes32): Promise<Licence>;
  submitJob(input: Record<string, unknown>): Promise<{ id: Bytes32 }>;
  /** @throws WeighbridgeError JOB_NOT_FOUND, JOB_STATE when it is too late */
  cancelJob(id: Bytes32): Promise<Job>;
  jobs(first: number, after?: string): Promise<Page<Job>>;
  /** @throws WeighbridgeError JOB_NOT_FOUND */
  job(id: string): Promise<Job>;
  /** Undefined until the job is settled. */
  receipt(id: string): Promise<unknown>;
  /** Card, bill of materials and signature; undefined where a worker made none. */
  modelFiles(id: string): Promise<ModelFiles | undefined>;
  putBlob(sha256: string, bytes: Uint8Array): Promise<void>;
  getBlob(sha256: string): Promise<Uint8Array>;
  /** Live until the job is final; ends with that. */
  watch(id: Bytes32, signal: AbortSignal): AsyncIterable<JobProgress>;
}

/**
 * @param account - signs in when a call first needs it, and again when the session has run out; without one only public
 *   questions can be asked.
 */
export function createMarketApi(network: Network, account: () => Promise<Account>): MarketApi {
  const { apiUrl } = network;
  let session: Promise<string> | undefined;
  const token = async (fresh = false): Promise<string> => {
    if (session === undefined || fresh) session = account().then(async (signer) => signIn(network, signer));
    session.catch(() => (session = undefined));
    return session;
  };
  const signedIn = async <T>(call: (bearer: string) => Promise<T>): Promise<T> => {
    try {
      return await call(await token());
    } catch (error) {
      if (!isWeighbridgeError(error) || error.code !== 'UNAUTHENTICATED') throw error;
      // Sessions are short and training is long.
      return call(await token(true));
    }
  };
  const open = async <T extends z.ZodType>(operation: Operation<T>, variables: Record<string, unknown>) =>
    graphql(apiUrl, operation, variables, undefined);
  const own = async <T extends z.ZodType>(operation: Operation<T>, variables: Record<string, unknown>) =>
    signedIn(async (bearer) => graphql(apiUrl, operation, variables, bearer));

  const job = async (id: string): Promise<Job> => {
    const found = (await own(operations.getJob, { id })).job;
    if (found === null) throw jobNotFound(id);
    return found;
  };
  return {
    datasets: async (search, first, after) =>
      (await open(operations.searchDatasets, { search: search ?? null, first, after: after ?? null })).datasets,
    dataset: async (id) => {
      const { dataset } = await open(operations.getDataset, { id });
      if (dataset === null) throw datasetNotFound(id);
      // Whoever asks may be about to pay: what holds of another dataset does not hold of this one.
      if (!isAskedFor(dataset.id, id)) throw otherDataset(id, dataset.id);
      return dataset;
    },
    privacyBalance: async (id) => {
      const { dataset } = await open(operations.getPrivacyBalance, { id });
      if (dataset === null) throw datasetNotFound(id);
      return dataset.privacyBalance;
    },
    listDataset: async (input) => (await own(operations.listDataset, { input })).listDataset,
    permitRepairs: async (dataset, permits) =>
      (await own(operations.permitRepairs, { dataset, permits })).permitRepairs,
    issueLicence: async (input) => (await own(operations.issueLicence, { input })).issueLicence,
    nextRecord: async (id) => {
      const { dataset } = await open(operations.nextRecord, { id });
      if (dataset === null) throw datasetNotFound(id);
      return dataset.nextRecord;
    },
    datasetOfLicence: async (id) => {
      const { licence } = await own(operations.getLicence, { id });
      if (licence === null) throw licenceNotFound(id);
      return licence.dataset.id;
    },
    licences: async (first) => (await own(operations.listLicences, { first })).licences,
    lineage: async (of, after) =>
      (await open(operations.lineage, { forward: false, ...of, after: after ?? null })).lineage,
    erase: async (licence) => (await own(operations.erase, { licence })).erase,
    revokeConsent: async (input) => (await own(operations.revokeConsent, { input })).revokeConsent,
    submitJob: async (input) => (await own(operations.submitJob, { input })).submitJob,
    cancelJob: async (id) => (await own(operations.cancelJob, { id })).cancelJob,
    jobs: async (first, after) => (await own(operations.listJobs, { first, after: after ?? null })).jobs,
    job,
    receipt: async (id) => (await own(operations.getReceipt, { id })).job?.receipt ?? undefined,
    modelFiles: async (id) => (await own(operations.getModelFiles, { id })).job?.modelFiles ?? undefined,
    putBlob: async (sha256, bytes) => signedIn(async (bearer) => putBlob(apiUrl, sha256, bytes, bearer)),
    getBlob: async (sha256) => signedIn(async (bearer) => getBlob(apiUrl, sha256, bearer)),
    watch: async function* (id, signal) {
      // WebSockets and GraphQL's subscriptions are loaded by the commands that wait.
      const { watchJob } = await import('./watch-job.js');
      yield* watchJob({ apiUrl, id, signal, token, poll: async () => (await job(id)).progress });
    },
  };
}

function datasetNotFound(id: string): WeighbridgeError {
  return new WeighbridgeError('DATASET_NOT_FOUND', `no dataset is listed as ${id}`, {
    next: 'Find its id with "weighbridge search"; the first 8 hex digits are enough.',
  });
}

function isAskedFor(found: Bytes32, id: string): boolean {
  return found.slice(2).startsWith(id.trim().toLowerCase().replace(/^0x/, ''));
}

function otherDataset(id: string, found: Bytes32): WeighbridgeError {
  return new WeighbridgeError('OFFER_MISMATCH', `the marketplace answered with another dataset than ${id}: ${found}`, {
    next: 'Run the same command again; if it happens again, the marketplace is broken or dishonest.',
  });
}

function licenceNotFound(id: string): WeighbridgeError {
  return new WeighbridgeError('LICENCE_NOT_FOUND', `no licence ${id} that you are a party of`, {
    next: 'Give the whole id, as "weighbridge audit <dataset> --json" prints it, and the key of its buyer or seller.',
  });
}

function jobNotFound(id: string): WeighbridgeError {
  return new WeighbridgeError('JOB_NOT_FOUND', `you have no job ${id}`, {
    next: 'See your jobs with "weighbridge jobs"; a job shows to its buyer, seller and operator only.',
  });
}
