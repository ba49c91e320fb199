import { z } from 'zod';
import { firstIssue, WeighbridgeError } from '../../kernel/index.js';
import { errorFrom, http } from './http.js';

const TIMEOUT_MS = 60_000;

/** A GraphQL document with the schema of what it answers. Nothing of an answer is used unchecked. */
export interface Operation<T extends z.ZodType> {
  document: string;
  data: T;
  /** Queries are; a mutation only if the server answers its repeat with the first result. */
  idempotent: boolean;
}

const answerSchema = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z
    .array(z.object({ message: z.string(), extensions: z.record(z.string(), z.unknown()).optional() }))
    .optional(),
});

/**
 * Runs one operation.
 * @throws WeighbridgeError the server's own code, message and next step; UNAVAILABLE; INTERNAL for an answer of no known shape
 */
export async function graphql<T extends z.ZodType>(
  apiUrl: string,
  operation: Operation<T>,
  variables: Record<string, unknown>,
  token: string | undefined,
): Promise<z.infer<T>> {
  const response = await http(new URL('/graphql', apiUrl).href, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query: operation.document, variables }),
    timeoutMs: TIMEOUT_MS,
    idempotent: operation.idempotent,
  });
  const body: unknown = await response.json().catch(() => undefined);
  const answer = answerSchema.safeParse(body);
  if (!answer.success)
    throw errorFrom(body, {
      message: `the marketplace answered with status ${response.status}`,
      status: response.status,
    });
  const [error] = answer.data.errors ?? [];
  if (error !== undefined)
    throw errorFrom(
      { ...error.extensions, message: error.message },
      { message: error.message, status: response.status },
    );
  const data = operation.data.safeParse(answer.data.data);
  if (data.success) return data.data;
  throw new WeighbridgeError(
    'INTERNAL',
    `the marketplace's answer has another shape than expected: ${firstIssue(data.error)}`,
    {
      next: 'Use the weighbridge version that fits this marketplace.',
    },
  );
}
