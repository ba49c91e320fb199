import { z } from 'zod';
import { shapeSchema } from './features.js';

const column = z.string().min(1);
const word = z.union([z.string(), z.number()]);

/** What a row should give, and so how wide the graph's output is. */
export const labelSchema = z.discriminatedUnion('kind', [
  /** Class k is the k-th word. Output [classes]. */
  z.strictObject({ kind: z.literal('class'), column, classes: z.array(word).min(2).max(4096) }),
  /** A class a place, a column of lists of class numbers from 0. Output [classes, ...shape], as PyTorch has it. */
  z.strictObject({
    kind: z.literal('class-map'),
    column,
    shape: shapeSchema,
    classes: z.number().int().min(2).max(4096),
  }),
  /** 1 where the column holds the positive word, else 0. Output [columns]. */
  z.strictObject({
    kind: z.literal('binary'),
    columns: z
      .array(z.strictObject({ column, positive: word }))
      .min(1)
      .max(4096),
  }),
  /** (x - min) / (max - min). Output [columns]. */
  z.strictObject({
    kind: z.literal('numbers'),
    columns: z
      .array(z.strictObject({ column, min: z.number(), max: z.number() }))
      .min(1)
      .max(4096),
  }),
  /** The integer input of this name, shifted by one; places that hold `pad` do not count. Output [length, vocabulary]. */
  z.strictObject({
    kind: z.literal('tokens'),
    input: z.string().min(1),
    pad: z.number().int().min(0).nullable(),
  }),
]);
export type Label = z.infer<typeof labelSchema>;

/**
 * Losses as PyTorch's functional module has them, on logits. A row's loss is the mean over its own numbers, a batch's the
 * mean over its rows: so no row's loss depends on another row.
 */
export const lossSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('cross-entropy') }),
  z.strictObject({ name: z.literal('bce') }),
  z.strictObject({ name: z.literal('mse') }),
  z.strictObject({ name: z.literal('huber'), delta: z.number().positive() }),
  z.strictObject({ name: z.literal('next-token') }),
]);
export type Loss = z.infer<typeof lossSchema>;

/** Which labels a loss can be computed from. */
export const LABELS_OF: Readonly<Record<Loss['name'], readonly Label['kind'][]>> = {
  'cross-entropy': ['class', 'class-map'],
  bce: ['binary'],
  mse: ['numbers'],
  huber: ['numbers'],
  'next-token': ['tokens'],
};
