import { z } from 'zod';
import { WeighbridgeError } from '../kernel/index.js';

/**
 * Reads what a caller sent by a schema, once, at the edge.
 * @param what - names the input in the message, such as "offer"
 * @throws WeighbridgeError BAD_INPUT naming the first field that is wrong; the value itself is not repeated
 */
export function parseInput<T extends z.ZodType>(what: string, schema: T, value: unknown): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 5).map((issue) => ({
    path: [what, ...issue.path].join('.'),
    message: issue.message,
  }));
  throw new WeighbridgeError('BAD_INPUT', `${issues[0]?.path ?? what}: ${issues[0]?.message ?? 'invalid'}`, {
    next: `Correct ${issues[0]?.path ?? what} and send it again.`,
    details: { issues },
  });
}
