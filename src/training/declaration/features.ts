import { z } from 'zod';

/** Words of a vocabulary: its own order is the encoding. */
export const vocabularySchema = z
  .array(z.union([z.string(), z.number()]))
  .min(1)
  .max(4096);
const column = z.string().min(1);
/** Of a fixed-shape value inside a row. */
export const shapeSchema = z.array(z.number().int().positive()).min(1).max(4);

/**
 * The closed list of column transforms, with public constants only: nothing is fitted on private rows. What each does to
 * a value outside its constants is part of its meaning (docs/model-format.md).
 */
export const featureSchema = z.discriminatedUnion('kind', [
  /** (x - min) / (max - min), one float32. */
  z.strictObject({ kind: z.literal('scale'), column, min: z.number(), max: z.number() }),
  /** One float32 a word of the vocabulary, 1 at the match; all zeros for a word outside it. */
  z.strictObject({ kind: z.literal('one-hot'), column, vocabulary: vocabularySchema }),
  /** Position in the vocabulary, one integer; `unknown` for a word outside it. */
  z.strictObject({
    kind: z.literal('category'),
    column,
    vocabulary: vocabularySchema,
    unknown: z.number().int().min(0).max(0x7fffffff),
  }),
  /** A list of numbers of one length a row. float32: (x - min) / (max - min). Integers: as they are, within min and max. */
  z.strictObject({ kind: z.literal('tensor'), column, shape: shapeSchema, min: z.number(), max: z.number() }),
]);
export type Feature = z.infer<typeof featureSchema>;

/** How many numbers a feature becomes. */
export function featureWidth(feature: Feature): number {
  switch (feature.kind) {
    case 'scale':
    case 'category':
      return 1;
    case 'one-hot':
      return feature.vocabulary.length;
    case 'tensor':
      return product(feature.shape);
  }
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
