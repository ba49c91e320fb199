import { z } from 'zod';

/**
 * `job.json`: what the buyer wants trained, beside `graph.onnx` and `weights.safetensors`. `jobDigest` on chain is SHA-256
 * of its canonical JSON; it binds graph and weights by their digests, so the declaration alone names the whole model.
 */
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Column transforms with public constants only: nothing is fitted on private rows. */
export const featureSchema = z.discriminatedUnion('kind', [
  /** (x - min) / (max - min), one float32. */
  z.strictObject({ kind: z.literal('scale'), column: z.string(), min: z.number(), max: z.number() }),
  /** One float32 a word of the vocabulary, 1 at the match; all zeros for a word outside it. */
  z.strictObject({
    kind: z.literal('one-hot'),
    column: z.string(),
    vocabulary: z
      .array(z.union([z.string(), z.number()]))
      .min(1)
      .max(4096),
  }),
]);
export type Feature = z.infer<typeof featureSchema>;

export const declarationSchema = z.strictObject({
  version: z.literal(1),
  /** SHA-256 of graph.onnx. */
  graph: sha256,
  /** SHA-256 of weights.safetensors. */
  weights: sha256,
  /** Names of the initializers that are trained; the returned file holds exactly these. */
  trainable: z.array(z.string().min(1).max(200)).min(1).max(10_000),
  /** Name of the one graph input, and its shape without the batch. The features fill it in order, row-major. */
  input: z.strictObject({ name: z.string(), shape: z.array(z.number().int().positive()).min(1).max(4) }),
  features: z.array(featureSchema).min(1).max(4096),
  label: z.strictObject({
    column: z.string(),
    /** Class k is the k-th word; the graph's output has as many logits. */
    classes: z
      .array(z.union([z.string(), z.number()]))
      .min(2)
      .max(4096),
  }),
  loss: z.literal('cross-entropy'),
  optimiser: z.discriminatedUnion('name', [
    z.strictObject({ name: z.literal('sgd'), learningRate: z.number().positive(), momentum: z.number().min(0).lt(1) }),
    z.strictObject({ name: z.literal('adam'), learningRate: z.number().positive() }),
  ]),
  epochs: z.number().int().min(1).max(10_000),
  batchRows: z.number().int().min(1).max(65_536),
  /** Public: decides row order. */
  seed: z.number().int().min(0).max(0xffffffff),
  /** Privacy comes with its own issue; until then a declaration says so in words. */
  privacy: z.literal('none'),
});
export type ModelDeclaration = z.infer<typeof declarationSchema>;
