import { z } from 'zod';
import { bytes32Schema } from '../../kernel/index.js';
import type { Operation } from './graphql.js';
import {
  datasetSchema,
  datasetSummarySchema,
  jobSchema,
  licenceSchema,
  lineageSchema,
  modelFilesSchema,
  pageOf,
  positionSchema,
  privacyBalanceSchema,
  revocationSchema,
} from './schemas.js';

const SUMMARY = 'id version title seller priceWei rowCount tags revoked listedAt';
const DATASET = `${SUMMARY} datasetId description label manifest terms offer offerSignature logIndex accessCount`;
const PROGRESS = 'id state step of reason waitingFor secondsLeft fetchedBytes toFetchBytes';
const JOB = `id dataset { id title } buyer operator worker state reason progress { ${PROGRESS} } deadline priceWei jobDigest
  accessIndex completionIndex weightsDigest ciphertextDigest settleTransaction refundTransaction createdAt updatedAt`;
const PAGE = 'totalCount pageInfo { hasNextPage endCursor }';

function query<T extends z.ZodType>(document: string, data: T): Operation<T> {
  return { document, data, idempotent: true };
}

export const searchDatasets = query(
  `query Search($search: String, $first: Int!, $after: String) { datasets(search: $search, first: $first, after: $after) { nodes { ${SUMMARY} } ${PAGE} } }`,
  z.object({ datasets: pageOf(datasetSummarySchema) }),
);
export const getDataset = query(
  `query Dataset($id: String!) { dataset(id: $id) { ${DATASET} } }`,
  z.object({ dataset: datasetSchema.nullable() }),
);
export const getPrivacyBalance = query(
  `query PrivacyBalance($id: String!) { dataset(id: $id) { privacyBalance { budgetEpsilon delta takenEpsilon shards { shardId spent reserved } } } }`,
  z.object({ dataset: z.object({ privacyBalance: privacyBalanceSchema }).nullable() }),
);
export const getJob = query(
  `query Job($id: String!) { job(id: $id) { ${JOB} } }`,
  z.object({ job: jobSchema.nullable() }),
);
/** The receipt alone: it is the largest part of a job, and is verified, not interpreted. */
export const getReceipt = query(
  `query Receipt($id: String!) { job(id: $id) { receipt } }`,
  z.object({ job: z.object({ receipt: z.unknown() }).nullable() }),
);
export const getModelFiles = query(
  `query ModelFiles($id: String!) { job(id: $id) { modelFiles } }`,
  z.object({ job: z.object({ modelFiles: modelFilesSchema.nullable() }).nullable() }),
);
export const listJobs = query(
  `query Jobs($first: Int!, $after: String) { jobs(first: $first, after: $after) { nodes { ${JOB} } ${PAGE} } }`,
  z.object({ jobs: pageOf(jobSchema) }),
);

/** A nonce that nobody uses costs nothing. */
export const createNonce = query('mutation Nonce { createNonce }', z.object({ createNonce: z.string().min(8) }));
/** Not repeated: the nonce is used up whether or not the answer arrived. */
export const signIn: Operation<z.ZodType<{ signIn: { token: string } }>> = {
  document:
    'mutation SignIn($message: String!, $signature: String!) { signIn(message: $message, signature: $signature) { token } }',
  data: z.object({ signIn: z.object({ token: z.string().min(1) }) }),
  idempotent: false,
};
/** The log answers an entry that it has with the index it gave, and the API follows it in these. */
export const listDataset = query(
  'mutation List($input: ListDatasetInput!) { listDataset(input: $input) { id logIndex } }',
  z.object({ listDataset: z.object({ id: bytes32Schema, logIndex: z.number().int() }) }),
);
export const issueLicence = query(
  'mutation Licence($input: IssueLicenceInput!) { issueLicence(input: $input) { id logIndex } }',
  z.object({ issueLicence: z.object({ id: bytes32Schema, logIndex: z.number().int() }) }),
);
export const nextRecord = query(
  'query NextRecord($id: String!) { dataset(id: $id) { nextRecord { sequence previous } } }',
  z.object({ dataset: z.object({ nextRecord: positionSchema }).nullable() }),
);
export const getLicence = query(
  'query Licence($id: Bytes32!) { licence(id: $id) { id dataset { id } } }',
  z.object({ licence: z.object({ id: bytes32Schema, dataset: z.object({ id: bytes32Schema }) }).nullable() }),
);
const LICENCE = 'id dataset { id } purpose validUntil logIndex';
export const listLicences = query(
  `query Licences($first: Int!) { licences(first: $first) { nodes { ${LICENCE} } ${PAGE} } }`,
  z.object({ licences: pageOf(licenceSchema) }),
);
export const lineage = query(
  `query Lineage($weights: String, $dataset: Bytes32, $forward: Boolean!, $after: String) {
    lineage(weights: $weights, dataset: $dataset, forward: $forward, first: 20, after: $after) {
      nodes { records { entry proof } } pageInfo { hasNextPage endCursor } } }`,
  lineageSchema,
);
export const erase = query(
  `mutation Erase($licence: Bytes32!) { erase(licence: $licence) { ${LICENCE} } }`,
  z.object({ erase: licenceSchema }),
);
export const revokeConsent = query(
  'mutation Revoke($input: RevokeConsentInput!) { revokeConsent(input: $input) { keyId licence logIndex revokedAt } }',
  z.object({ revokeConsent: revocationSchema }),
);
export const cancelJob = query(
  `mutation Cancel($id: Bytes32!) { cancelJob(id: $id) { ${JOB} } }`,
  z.object({ cancelJob: jobSchema }),
);
export const submitJob = query(
  'mutation Submit($input: SubmitJobInput!) { submitJob(input: $input) { id } }',
  z.object({ submitJob: z.object({ id: bytes32Schema }) }),
);
export const jobProgress = `subscription Progress($id: Bytes32!) { jobProgress(id: $id) { ${PROGRESS} } }`;
/** A repeat leaves the same permits. */
export const permitRepairs = query(
  'mutation Permit($dataset: Bytes32!, $permits: JSON!) { permitRepairs(dataset: $dataset, permits: $permits) }',
  z.object({ permitRepairs: z.number().int() }),
);
