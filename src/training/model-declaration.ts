import { z } from 'zod';
import { epsilonMicrosOf } from '../kernel/index.js';
import { featureSchema } from './declaration/features.js';
import { labelSchema, lossSchema } from './declaration/labels.js';
import { optimiserSchema, scheduleSchema } from './declaration/optimisers.js';
import { privacySchema } from './declaration/privacy.js';

export type { Feature } from './declaration/features.js';

/**
 * `job.json`: what the buyer wants trained, beside `graph.onnx` and `weights.safetensors`. `jobDigest` on chain is SHA-256
 * of its canonical JSON; it binds graph and weights by their digests, so the declaration alone names the whole model.
 * Nothing in it is optional: what a client fills in by default stands here in full. How its parts agree is `fit.ts`.
 */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const tensorName = z.string().min(1).max(200);
export const MAX_INPUTS = 16;

/** What a graph input takes: its name, its shape without the batch, the type of its numbers. */
const inputSchema = z.strictObject({
  name: tensorName,
  shape: z.array(z.number().int().positive()).min(1).max(4),
  dtype: z.enum(['float32', 'int32', 'int64', 'bool']),
});
export type ModelInput = z.infer<typeof inputSchema>;

export const declarationSchema = z.strictObject({
  version: z.literal(1),

  // What the model decides.
  /** SHA-256 of graph.onnx. */
  graph: sha256,
  /** SHA-256 of weights.safetensors. */
  weights: sha256,
  /** Names of the initializers that are trained. */
  trainable: z.array(tensorName).min(1).max(10_000),
  /** Names that the buyer's model has for a tensor which the weights hold under another: alias to kept name. */
  tied: z.record(tensorName, tensorName),
  inputs: z.array(inputSchema).min(1).max(MAX_INPUTS),

  // What the job decides.
  /** By input: columns that fill it in order, row-major. */
  features: z.record(tensorName, z.array(featureSchema).min(1).max(4096)),
  label: labelSchema,
  loss: lossSchema,
  optimiser: optimiserSchema,
  schedule: scheduleSchema,
  epochs: z.number().int().min(1).max(10_000),
  /** Rows of one optimiser step. */
  batchRows: z.number().int().min(1).max(65_536),
  /** Rows that are in memory at once: their gradients are added up until the batch is whole. Null: the trainer chooses. */
  microBatchRows: z.number().int().min(1).max(65_536).nullable(),
  /** Public: decides row order and dropout. */
  seed: z.number().int().min(0).max(0xffffffff),
  /** What forward and backward pass compute in; weights and optimiser are float32 always. */
  precision: z.enum(['float32', 'bfloat16']),
  /** Which tensors the returned file holds. */
  return: z.enum(['trainable', 'all']),
  /** 'none' in so many words, or DP-SGD. */
  privacy: privacySchema,
});
export type ModelDeclaration = z.infer<typeof declarationSchema>;

/** The `job.json` in a .wbm is finished by the job: these are the fields that the model itself decides. */
export const MODEL_FIELDS = ['graph', 'weights', 'trainable', 'tied', 'inputs'] as const;

/** What the order of a run must name as its epsilon, in millionths: 0 is a run without privacy. */
export function epsilonMicrosOfRun({ privacy }: Pick<ModelDeclaration, 'privacy'>): bigint {
  return privacy === 'none' ? 0n : epsilonMicrosOf(privacy.epsilon);
}

/** What a buyer may write where features are asked for: a column's name stands for what its type suggests. */
const featureListSchema = z.array(z.union([z.string(), featureSchema])).min(1);
export const featureChoiceSchema = z.union([featureListSchema, z.record(tensorName, featureListSchema)]);
export type FeatureChoice = z.infer<typeof featureChoiceSchema>;
