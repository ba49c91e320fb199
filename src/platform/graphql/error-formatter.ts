import { GraphQLError, type ExecutionResult, type FormattedExecutionResult } from 'graphql';
import { isWeighbridgeError, WeighbridgeError, type ErrorCode } from '../../kernel/index.js';
import { libraryFault } from '../library-fault.js';
import { publicExtensions, publicGraphqlError, type FormatterContext } from './public-graphql-error.js';

type Failed = ExecutionResult & { errors: readonly GraphQLError[] };

/**
 * The one place where errors become what a GraphQL client reads: `extensions` holds `code`, `next` and `details`.
 * @param httpStatusOf - for a request that was refused before any field was resolved; fields that fail are a 200
 */
export function errorFormatter(httpStatusOf: (code: ErrorCode) => number) {
  return (execution: Failed, context: FormatterContext): { statusCode: number; response: FormattedExecutionResult } => {
    const log = context.reply?.request?.log ?? context.app?.log ?? { error: () => undefined };
    const errors = execution.errors.flatMap(unwrap).map((error) => {
      const known = publicExtensions(error) === undefined ? (refusal(error) ?? error.originalError ?? error) : error;
      const { message, extensions } = publicGraphqlError(known, context, log);
      const { locations, path } = error;
      return { message, ...(locations && { locations }), ...(path && { path }), extensions };
    });
    const [first] = errors;
    const refused = first !== undefined && first.path === undefined;
    const statusCode = refused ? httpStatusOf(first.extensions.code as ErrorCode) : 200;
    return { statusCode, response: { data: execution.data ?? null, errors } };
  };
}

/** Mercurius hands several refusals over as one error with a list in it. */
function unwrap(error: GraphQLError): GraphQLError[] {
  const cause = error.originalError as { code?: string; errors?: unknown } | undefined;
  if (!Array.isArray(cause?.errors) || cause.errors.length === 0) return [error];
  return cause.errors.map((inner: unknown) => {
    if (inner instanceof GraphQLError) return inner;
    // What kind of refusal it is, only the outer error says.
    const message = inner instanceof Error ? inner.message : String(inner);
    const code = (inner as { code?: string } | null)?.code ?? cause.code;
    return new GraphQLError(message, { originalError: Object.assign(new Error(message), { code }) });
  });
}

/** A refusal by GraphQL or a library, in our words; undefined if it is none. */
function refusal(error: GraphQLError): WeighbridgeError | undefined {
  // A variable of the wrong shape is a GraphQLError within a GraphQLError.
  let cause: Error | undefined = error.originalError;
  while (cause instanceof GraphQLError) cause = cause.originalError;
  if (isWeighbridgeError(cause)) return undefined;
  // Without another error behind it, graphql-js itself refused the document or a variable.
  if (cause === undefined) {
    return new WeighbridgeError('BAD_INPUT', error.message, { next: 'Compare the query with the schema.' });
  }
  return libraryFault(cause);
}
