import { z } from 'zod';

/** Words of a vocabulary: its own order is the encoding. */
export const vocabularySchema = z
  .array(z.union([z.string(), z.number()]))
  .min(1)
  .max(4096);
const column = z.string().min(1);
/** Of a fixed-shape value inside a row. */
export const shapeSchema = z.array(z.number().int().positive()).min(1).max(4);

const textFields = {
  column,
  /** SHA-256 of a `tokenizer.json` (Hugging Face `tokenizers`), which is a blob like graph and weights. */
  tokenizer: z.string().regex(/^[0-9a-f]{64}$/),
  length: z.number().int().min(1).max(65_536),
  pad: z.number().int().min(0).max(0x7fffffff),
};
const side = z.number().int().min(1).max(4096);
/** Of a tokenizer.json, bytes. */
export const MAX_TOKENIZER_BYTES = 16 << 20;

/**
 * The closed list of column transforms, with public constants only: what is fitted on private rows is fitted with noise that is
 * paid for, and then as public as the rest. What each does to a value outside its constants is part of its meaning
 * (docs/model-format.md).
 */
export const featureSchema = z.discriminatedUnion('kind', [
  /** (x - min) / (max - min), one float32. */
  z.strictObject({ kind: z.literal('scale'), column, min: z.number(), max: z.number() }),
  /**
   * (x - mean) / deviation, one float32: both come from the rows, with noise (`privacy.moments`), and min and max are what a value counts
   * as at least and at most where they are computed.
   */
  z.strictObject({ kind: z.literal('standardise'), column, min: z.number(), max: z.number() }),
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
  /** Ids of a text's tokens: cut at `length`, filled up with `pad`. */
  z.strictObject({ kind: z.literal('text'), ...textFields }),
  /** 1 where `text` with the same fields holds a token, 0 where it holds `pad`. */
  z.strictObject({ kind: z.literal('text-mask'), ...textFields }),
  /** An encoded image, brought to one size: (value / 255 - mean) / std, one channel after the other. */
  z.strictObject({
    kind: z.literal('image'),
    column,
    height: side,
    width: side,
    channels: z.union([z.literal(1), z.literal(3)]),
    resize: z.enum(['bilinear', 'nearest']),
    mean: z.array(z.number()).min(1).max(3),
    std: z.array(z.number().positive()).min(1).max(3),
  }),
]);
export type Feature = z.infer<typeof featureSchema>;

/** How many numbers a feature becomes. */
export function featureWidth(feature: Feature): number {
  switch (feature.kind) {
    case 'scale':
    case 'standardise':
    case 'category':
      return 1;
    case 'one-hot':
      return feature.vocabulary.length;
    case 'tensor':
      return product(feature.shape);
    case 'text':
    case 'text-mask':
      return feature.length;
    case 'image':
      return feature.channels * feature.height * feature.width;
  }
}

/** The tokenizers that features name, each once, in the order in which a sandbox takes them. */
export function tokenizersOf(features: Readonly<Record<string, readonly Feature[]>>): string[] {
  const named = Object.values(features)
    .flat()
    .flatMap((feature) => ('tokenizer' in feature ? [feature.tokenizer] : []));
  return [...new Set(named)].sort();
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
