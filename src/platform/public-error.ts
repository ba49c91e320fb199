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
  if (isConnectionLost(cause)) {
    return {
      code: 'UNAVAILABLE',
      message: 'a part of this service does not answer',
      next: 'Try again in a moment.',
      details: { requestId, retryable: true },
    };
  }
  return {
    code: 'INTERNAL',
    message: 'something went wrong on our side',
    next: 'Try again; if it stays, report the request id.',
    details: { requestId },
  };
}

/** Codes of node, PostgreSQL and Prisma for a server that is away, starts or stops. */
const CONNECTION_LOST = /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|57P0[123]|08\w{3}|P1001|P1002|P1008|P1017|P2024)$/;

function isConnectionLost(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return (
    CONNECTION_LOST.test(String(code)) || /^(Connection terminated|timeout exceeded when trying)/.test(String(message))
  );
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
