import { isWeighbridgeError, type ErrorCode } from '../kernel/index.js';

/** An error as a caller sees it, over GraphQL (`extensions`) and HTTP alike. */
export interface PublicError {
  code: ErrorCode;
  message: string;
  next: string;
  details: Record<string, unknown>;
}

/**
 * What a caller may know of an error. Only a `WeighbridgeError` was written for it; anything else is a bug or a broken
 * part, and may hold a query, a path or a secret: it shows as INTERNAL with the id under which it was logged.
 */
export function toPublicError(error: unknown, requestId: string): PublicError {
  const cause = causeOf(error);
  if (isWeighbridgeError(cause)) {
    const { code, message, next, details, retryable } = cause;
    return { code, message, next, details: retryable ? { ...details, retryable } : details };
  }
  return {
    code: 'INTERNAL',
    message: 'something went wrong on our side',
    next: 'Try again; if it stays, report the request id.',
    details: { requestId },
  };
}

/** True for what must be logged with its stack: nobody wrote it for a caller. */
export function isUnexpected(error: unknown): boolean {
  const cause = causeOf(error);
  return !isWeighbridgeError(cause) || cause.code === 'INTERNAL';
}

/** GraphQL wraps what a resolver threw. */
function causeOf(error: unknown): unknown {
  return (error as { originalError?: unknown } | null)?.originalError ?? error;
}
