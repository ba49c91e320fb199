import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { ERROR_CODES } from '../../kernel/index.js';
import { isUnexpected, toPublicError, type PublicError } from '../public-error.js';

/** As much of a request's context as errors need. */
export interface FormatterContext {
  app?: { log: ErrorLog };
  reply?: { request?: { id: string; log: ErrorLog } };
}
/** As much of pino as errors need. */
export interface ErrorLog {
  error(fields: object, message: string): void;
}
type Extensions = Omit<PublicError, 'message'>;

/**
 * What a resolver threw, as a GraphQL error that may leave: over HTTP and over WebSocket, where no formatter stands between.
 * An unexpected error is logged under the request's id and shows nothing but that id.
 */
export function publicGraphqlError(error: unknown, context: FormatterContext | undefined, log: ErrorLog): GraphQLError {
  if (error instanceof GraphQLError && publicExtensions(error) !== undefined) return error;
  const requestId = context?.reply?.request?.id ?? randomUUID();
  if (isUnexpected(error)) log.error({ err: error, requestId }, 'unexpected error');
  const { message, ...extensions } = toPublicError(error, requestId);
  return new GraphQLError(message, { extensions: { ...extensions } });
}

/** Our extensions, if the error carries them already. */
export function publicExtensions(error: GraphQLError): Extensions | undefined {
  const { code, next, details } = error.extensions as Partial<Extensions>;
  const known = ERROR_CODES.find((c) => c === code);
  return known === undefined || next === undefined ? undefined : { code: known, next, details: details ?? {} };
}

/** A stream whose failures may leave. GraphQL asks no filter about what an iterator throws later. */
export function publicStream<T>(
  source: AsyncIterableIterator<T>,
  context: FormatterContext | undefined,
  log: ErrorLog,
): AsyncIterableIterator<T> {
  return {
    next: async () => {
      try {
        return await source.next();
      } catch (error) {
        throw publicGraphqlError(error, context, log);
      }
    },
    return: async () => (await source.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
