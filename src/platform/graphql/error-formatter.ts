import { GraphQLError, type ExecutionResult, type FormattedExecutionResult } from 'graphql';
import { isWeighbridgeError, WeighbridgeError, type ErrorCode } from '../../kernel/index.js';
import { libraryFault } from '../library-fault.js';
import { isUnexpected, toPublicError } from '../public-error.js';

/** As much of Mercurius' context as the formatter uses. */
interface FormatterContext {
  app?: { log: Log };
  reply?: { request?: { id: string; log: Log } };
}
interface Log {
  error(fields: object, message: string): void;
}
type Failed = ExecutionResult & { errors: readonly GraphQLError[] };

/**
 * The one place where errors become GraphQL errors: `extensions` holds `code`, `next` and `details`. An unexpected error is
 * logged with the request's id and shown as INTERNAL with that id alone.
 * @param httpStatusOf - for a request that was refused before any field was resolved; fields that fail are a 200
 */
export function errorFormatter(httpStatusOf: (code: ErrorCode) => number) {
  return (execution: Failed, context: FormatterContext) => {
    const requestId = context.reply?.request?.id ?? 'subscription';
    const log = context.reply?.request?.log ?? context.app?.log;
    const errors = execution.errors.flatMap(unwrap).map((error) => {
      const known = callersFault(error) ?? error;
      if (isUnexpected(known)) {
        log?.error({ err: error.originalError ?? error, requestId, path: error.path }, 'unexpected error');
      }
      const { message, ...extensions } = toPublicError(known, requestId);
      const { locations, path } = error;
      return { message, ...(locations && { locations }), ...(path && { path }), extensions: { ...extensions } };
    });
    const [first] = errors;
    const refused = first !== undefined && first.path === undefined;
    const response: FormattedExecutionResult = { data: execution.data ?? null, errors };
    return { statusCode: refused ? httpStatusOf(first.extensions.code) : 200, response };
  };
}

/** Mercurius hands validation errors over as one error with a list in it. */
function unwrap(error: GraphQLError): GraphQLError[] {
  const list = (error.originalError as { errors?: unknown } | undefined)?.errors;
  if (!Array.isArray(list) || list.length === 0) return [error];
  return list.map((e: unknown) => (e instanceof GraphQLError ? e : asGraphQLError(e)));
}

function asGraphQLError(error: unknown): GraphQLError {
  const message = error instanceof Error ? error.message : String(error);
  return new GraphQLError(message, error instanceof Error ? { originalError: error } : {});
}

/** A refusal by GraphQL or a library, in our words; undefined if it is none. */
function callersFault(error: GraphQLError): WeighbridgeError | undefined {
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
