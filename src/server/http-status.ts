import type { ErrorCode } from '../kernel/index.js';

/** HTTP status of each error code, for what is not GraphQL. A code that is not here is the server's fault or temporary: 503. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  BAD_INPUT: 400,
  MALFORMED_DATA: 400,
  EMPTY_DATA: 400,
  BAD_PRICE: 400,
  BAD_TERMS: 400,
  WRONG_CHAIN: 400,
  NONCE_USED: 409,
  BAD_SIGNATURE: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  DATASET_NOT_FOUND: 404,
  LICENCE_NOT_FOUND: 404,
  JOB_NOT_FOUND: 404,
  BLOB_NOT_FOUND: 404,
  JOB_STATE: 409,
  TOO_LARGE: 413,
  DIGEST_MISMATCH: 422,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  DISK_FULL: 507,
  TIMEOUT: 504,
};

export function httpStatusOf(code: ErrorCode): number {
  return STATUS[code] ?? 503;
}
