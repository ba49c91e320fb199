import { z } from 'zod';
import { NOISE_RANGE } from '../../privacy/index.js';

/** A number about the rows that the seller holds out of training, paid from the same budget: each row clipped, the sum noised. */
export const metricSchema = z.strictObject({
  name: z.enum(['accuracy', 'loss']),
  /** A row counts as so much at most; 1 for an accuracy. */
  bound: z.number().min(1e-6).max(1e6),
  /** Deviation of the noise over what one unit can add. */
  noiseMultiplier: z.number().min(NOISE_RANGE.min).max(NOISE_RANGE.max),
});
export type DeclaredMetric = z.infer<typeof metricSchema>;

/** The sums that `standardise` columns take their mean and deviation from: released once, before the first step. */
export const momentsSchema = z.strictObject({
  /** Deviation of the noise over what one unit can add to all of them together. */
  noiseMultiplier: z.number().min(NOISE_RANGE.min).max(NOISE_RANGE.max),
});

/**
 * DP-SGD of a run, all of it public. Rate and steps say again what batch and epochs decide, and epsilon what the rest decides:
 * `checkPrivacy` holds them together, so that whoever reads the declaration alone can compute the loss.
 */
export const privacySchema = z.union([
  z.literal('none'),
  z.strictObject({
    /** What the run may cost at most, metric and moments included, at this delta; the order pays for it. */
    epsilon: z.number().positive().max(1000),
    delta: z.number().positive().max(0.01),
    /** Deviation of the noise over the clipping norm. */
    noiseMultiplier: z.number().min(NOISE_RANGE.min).max(NOISE_RANGE.max),
    /** Longest gradient that one unit may have. */
    clippingNorm: z.number().min(1e-6).max(1e6),
    /** Chance of a unit to be in a step: batchRows / rows. */
    samplingRate: z.number().positive().max(1),
    /** epochs x ceil(rows / batchRows). */
    steps: z.number().int().min(1).max(10_000_000),
    /** What is protected: a row, or all rows with one value in a column, of which a step takes `maxRows`. */
    unit: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('row') }),
      z.strictObject({
        kind: z.literal('column'),
        column: z.string().min(1).max(128),
        maxRows: z.number().int().min(1).max(256),
      }),
    ]),
    /** Left out where none is bought. Its loss is in `epsilon`. */
    metric: metricSchema.optional(),
    /** There exactly where a feature is `standardise`. Its loss is in `epsilon`. */
    moments: momentsSchema.optional(),
  }),
]);
export type DeclaredPrivacy = z.infer<typeof privacySchema>;
export type PrivateRun = Exclude<DeclaredPrivacy, 'none'>;
