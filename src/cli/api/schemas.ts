import { z } from 'zod';
import { manifestSchema, termsSchema } from '../../catalog/manifest.js';
import { addressSchema, bytes32Schema, hexBytesSchema, offerJson } from '../../kernel/index.js';
import { RDP_ORDERS } from '../../privacy/index.js';
import { isFinal, JOB_STATES, type JobState } from '../../training/models.js';

export { isFinal, JOB_STATES, type JobState };

/** Shapes of the marketplace's answers. Strings that end up in signatures or paths are held to their exact form. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const natural = z
  .string()
  .regex(/^(0|[1-9]\d*)$/)
  .transform((s) => BigInt(s));
const modelFile = z.string().max(1 << 20);
/** A declaration takes what a request takes, which is 2 MiB, and a fitted one is written with a line a word. */
const featuresFile = z.string().max(16 << 20);
const time = z.iso.datetime({ offset: true });

export const datasetSummarySchema = z.object({
  id: bytes32Schema,
  version: z.number().int(),
  title: z.string(),
  seller: addressSchema,
  priceWei: natural,
  rowCount: z.number().int(),
  tags: z.array(z.string()),
  revoked: z.boolean(),
  listedAt: time,
});
export type DatasetSummary = z.infer<typeof datasetSummarySchema>;

export const datasetSchema = datasetSummarySchema.extend({
  datasetId: bytes32Schema,
  description: z.string(),
  label: z.string().nullable(),
  manifest: manifestSchema,
  terms: termsSchema,
  offer: offerJson,
  offerSignature: hexBytesSchema,
  logIndex: z.number().int(),
  accessCount: z.number().int(),
});
export type Dataset = z.infer<typeof datasetSchema>;

const loss = z.array(natural).length(RDP_ORDERS.length);
export const privacyBalanceSchema = z.object({
  budgetEpsilon: z.number().nullable(),
  delta: z.number().nullable(),
  takenEpsilon: z.number().nullable(),
  /** Losses in billionths, at each of `RDP_ORDERS`. */
  shards: z.array(z.object({ shardId: z.string(), spent: loss, reserved: loss })),
});
export type PrivacyBalance = z.infer<typeof privacyBalanceSchema>;

export const progressSchema = z.object({
  id: bytes32Schema,
  state: z.enum(JOB_STATES),
  step: z.number().int(),
  of: z.number().int(),
  reason: z.string().nullable(),
  waitingFor: z.string().nullish(),
  secondsLeft: z.number().int().nullish(),
  fetchedBytes: natural.nullish(),
  toFetchBytes: natural.nullish(),
});
export type JobProgress = z.infer<typeof progressSchema>;

export const jobSchema = z.object({
  id: bytes32Schema,
  dataset: z.object({ id: bytes32Schema, title: z.string() }),
  buyer: addressSchema,
  operator: addressSchema,
  worker: addressSchema.nullable(),
  state: z.enum(JOB_STATES),
  reason: z.string().nullable(),
  progress: progressSchema,
  deadline: time,
  priceWei: natural,
  jobDigest: bytes32Schema,
  accessIndex: z.number().int().nullable(),
  completionIndex: z.number().int().nullable(),
  weightsDigest: z.string().nullable(),
  ciphertextDigest: z.string().nullable(),
  settleTransaction: bytes32Schema.nullable(),
  refundTransaction: bytes32Schema.nullable(),
  createdAt: time,
  updatedAt: time,
});
export type Job = z.infer<typeof jobSchema>;

/** What lies beside the weights: text by file name. The names are a closed list, since they become paths. */
export const modelFilesSchema = z.strictObject({
  'model-card.md': modelFile,
  'model.cdx.json': modelFile,
  'declaration.json': featuresFile,
  'model.sig': modelFile,
  'model-signing-key.pub': modelFile,
  /** Where a metric was bought. */
  'metric.json': modelFile.optional(),
  /** Where columns were standardised. */
  'fitted-features.json': featuresFile.optional(),
});
export type ModelFiles = z.infer<typeof modelFilesSchema>;

/** Where a seller's next record of a dataset belongs. */
export const positionSchema = z.object({ sequence: z.number().int().positive(), previous: sha256.nullable() });

export const licenceSchema = z.object({
  id: bytes32Schema,
  dataset: z.object({ id: bytes32Schema }),
  /** As its buyer stated it, or `erased`. */
  purpose: z.string(),
  validUntil: time,
  logIndex: z.number().int(),
});
export type Licence = z.infer<typeof licenceSchema>;

export const revocationSchema = z.object({
  keyId: bytes32Schema,
  licence: bytes32Schema.nullable(),
  logIndex: z.number().int(),
  revokedAt: time,
});
export type Revocation = z.infer<typeof revocationSchema>;

/** A record of the log with its proof: verified before anything of it is believed. */
export const provenRecordSchema = z.object({ entry: z.base64(), proof: z.string() });

export const modelSchema = z.object({ records: z.array(provenRecordSchema) });
const modelPageSchema = z.object({
  nodes: z.array(modelSchema),
  pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
});
export const lineageSchema = z.object({ lineage: modelPageSchema });
export type ModelPage = z.infer<typeof modelPageSchema>;

/** One page of a Relay connection. */
export function pageOf<T extends z.ZodType>(node: T) {
  return z.object({
    nodes: z.array(node),
    totalCount: z.number().int(),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  });
}
export interface Page<T> {
  nodes: T[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}
