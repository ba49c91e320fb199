/**
 * Every code that a command, a mutation or a job can answer with. Closed: callers switch on it, and GraphQL maps it
 * once, at the edge (`src/platform/graphql`). Add a code only with a message that says what the caller does next.
 */
export const ERROR_CODES = [
  // input
  'BAD_INPUT',
  'MALFORMED_DATA',
  'EMPTY_DATA',
  'BAD_PRICE',
  'BAD_TERMS',
  'TOO_LARGE',
  // identity
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'WRONG_CHAIN',
  'NONCE_USED',
  'BAD_SIGNATURE',
  'RATE_LIMITED',
  // catalog and licence
  'DATASET_NOT_FOUND',
  'DATASET_REVOKED',
  'OFFER_MISMATCH',
  'LICENCE_EXPIRED',
  'LICENCE_NOT_FOUND',
  // money
  'NO_BALANCE',
  'ESCROW_NOT_FOUND',
  'ESCROW_MISMATCH',
  // jobs and models
  'JOB_NOT_FOUND',
  'JOB_STATE',
  'JOB_CANCELLED',
  'MODEL_REJECTED',
  'MODEL_DOES_NOT_FIT',
  'BLOB_NOT_FOUND',
  'DIGEST_MISMATCH',
  'DEADLINE_PASSED',
  'REPLAY_REFUSED',
  // privacy
  'PRIVACY_REFUSED',
  'BUDGET_EXHAUSTED',
  // storage
  'PROVIDER_DOWN',
  'PIECE_CORRUPT',
  'PIECE_TRUNCATED',
  'PIECE_REORDERED',
  'PIECE_REPEATED',
  'PIECE_FOREIGN',
  'SHARD_KEY_REFUSED',
  'DISK_FULL',
  // keys
  'KEY_DENIED',
  'KEY_NODES_DOWN',
  // log and proofs
  'LOG_UNAVAILABLE',
  'LOG_BEHIND_ANCHOR',
  'LOG_BEHIND_WITNESS',
  'WITNESSES_MISSING',
  'PROOF_INVALID',
  'RECEIPT_INVALID',
  'RECORD_OUT_OF_ORDER',
  // sandbox
  'SANDBOX_UNAVAILABLE',
  'TRAINER_FAILED',
  'GATE_REFUSED',
  // the rest
  'CHAIN_UNAVAILABLE',
  'TRANSACTION_REVERTED',
  'CERAMIC_UNAVAILABLE',
  'TIMEOUT',
  'CONFIG_INVALID',
  'UNAVAILABLE',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorOptions {
  /** What the caller does next, one sentence, in the imperative. */
  next: string;
  /** Public facts: never a secret, never a row value. */
  details?: Record<string, unknown>;
  cause?: unknown;
  /** True when the same call may succeed later without a change. */
  retryable?: boolean;
}

/** The only error type that crosses a module door on purpose. Anything else is a bug and shows as `INTERNAL`. */
export class WeighbridgeError extends Error {
  readonly next: string;
  readonly details: Record<string, unknown>;
  readonly retryable: boolean;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: ErrorOptions,
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WeighbridgeError';
    this.next = options.next;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? false;
  }
}

export function isWeighbridgeError(error: unknown): error is WeighbridgeError {
  return error instanceof WeighbridgeError;
}
