import { z } from 'zod';
import { columnSchema } from '../../catalog/manifest.js';
import { firstIssue, WeighbridgeError } from '../../kernel/index.js';
import { readJson } from '../state/read-json.js';

/**
 * What a seller declares public of its columns, `columns.json`: `{"age": {"range": [0, 120]}, "sex": {"vocabulary": ["f", "m"]}}`.
 * Nothing here is ever filled in from the rows: an undeclared range stays unknown to buyers.
 */
const declaredColumnSchema = z
  .strictObject({
    /** Overrides how the file was read: "string" for codes that look like numbers. */
    type: columnSchema.shape.type.optional(),
    /** Of a list of numbers: how a row's numbers are laid out, such as [28, 28]. */
    shape: columnSchema.shape.shape,
    range: z
      .tuple([z.number(), z.number()])
      .refine(([min, max]) => min < max, 'the minimum must be below the maximum')
      .optional(),
    vocabulary: z
      .array(z.union([z.string(), z.number()]))
      .min(1)
      .max(4096)
      .refine((words) => new Set(words).size === words.length, 'a word is there twice')
      .refine((words) => new Set(words.map((word) => typeof word)).size === 1, 'words must be all text or all numbers')
      .optional(),
  })
  .refine((column) => !(column.range && column.vocabulary), 'declare a range or a vocabulary, not both');

const declaredColumnsSchema = z.record(z.string(), declaredColumnSchema);
export type DeclaredColumns = z.infer<typeof declaredColumnsSchema>;
export type DeclaredColumn = z.infer<typeof declaredColumnSchema>;

/** @throws WeighbridgeError BAD_INPUT naming the column and what is wrong with its declaration */
export async function readDeclaredColumns(file: string): Promise<DeclaredColumns> {
  const next =
    'Write {"column": {"range": [0, 1]}} or {"column": {"vocabulary": ["a", "b"]}}, and "type" where needed.';
  const parsed = declaredColumnsSchema.safeParse(await readJson(file, 'BAD_INPUT', next));
  if (parsed.success) return parsed.data;
  throw new WeighbridgeError('BAD_INPUT', `${file}: ${firstIssue(parsed.error)}`, { next });
}
