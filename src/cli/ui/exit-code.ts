import { isWeighbridgeError, type ErrorCode } from '../../kernel/index.js';

/** What a script can tell from `$?`. Part of the command's contract: `weighbridge --help` lists them. */
export const EXIT = {
  ok: 0,
  /** A verification or the operation itself failed; the same call fails again. */
  failed: 1,
  /** The command line or an input file is wrong. */
  usage: 2,
  /** A service did not answer or is out of its depth; the same call may work later. */
  unavailable: 3,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Exhaustive on purpose: a new code does not compile until somebody has said what a script should do about it. */
const BY_CODE: Record<ErrorCode, ExitCode> = {
  BAD_INPUT: EXIT.usage,
  MALFORMED_DATA: EXIT.usage,
  EMPTY_DATA: EXIT.usage,
  BAD_PRICE: EXIT.usage,
  BAD_TERMS: EXIT.usage,
  TOO_LARGE: EXIT.usage,
  UNAUTHENTICATED: EXIT.failed,
  FORBIDDEN: EXIT.failed,
  WRONG_CHAIN: EXIT.usage,
  NONCE_USED: EXIT.unavailable,
  BAD_SIGNATURE: EXIT.failed,
  RATE_LIMITED: EXIT.unavailable,
  DATASET_NOT_FOUND: EXIT.usage,
  DATASET_REVOKED: EXIT.failed,
  OFFER_MISMATCH: EXIT.failed,
  LICENCE_EXPIRED: EXIT.failed,
  LICENCE_NOT_FOUND: EXIT.failed,
  NO_BALANCE: EXIT.failed,
  ESCROW_NOT_FOUND: EXIT.failed,
  ESCROW_MISMATCH: EXIT.failed,
  JOB_NOT_FOUND: EXIT.usage,
  JOB_STATE: EXIT.failed,
  JOB_CANCELLED: EXIT.failed,
  PRIVACY_REFUSED: EXIT.usage,
  BUDGET_EXHAUSTED: EXIT.failed,
  MODEL_REJECTED: EXIT.usage,
  MODEL_DOES_NOT_FIT: EXIT.usage,
  BLOB_NOT_FOUND: EXIT.failed,
  DIGEST_MISMATCH: EXIT.failed,
  DEADLINE_PASSED: EXIT.failed,
  REPLAY_REFUSED: EXIT.failed,
  PROVIDER_DOWN: EXIT.unavailable,
  PIECE_CORRUPT: EXIT.failed,
  PIECE_TRUNCATED: EXIT.failed,
  PIECE_REORDERED: EXIT.failed,
  PIECE_REPEATED: EXIT.failed,
  PIECE_FOREIGN: EXIT.failed,
  SHARD_KEY_REFUSED: EXIT.failed,
  DISK_FULL: EXIT.failed,
  KEY_DENIED: EXIT.failed,
  KEY_NODES_DOWN: EXIT.unavailable,
  LOG_UNAVAILABLE: EXIT.unavailable,
  LOG_BEHIND_ANCHOR: EXIT.failed,
  LOG_BEHIND_WITNESS: EXIT.failed,
  WITNESSES_MISSING: EXIT.unavailable,
  PROOF_INVALID: EXIT.failed,
  RECEIPT_INVALID: EXIT.failed,
  RECORD_OUT_OF_ORDER: EXIT.unavailable,
  SANDBOX_UNAVAILABLE: EXIT.failed,
  TRAINER_FAILED: EXIT.failed,
  GATE_REFUSED: EXIT.failed,
  CHAIN_UNAVAILABLE: EXIT.unavailable,
  TRANSACTION_REVERTED: EXIT.failed,
  CERAMIC_UNAVAILABLE: EXIT.unavailable,
  TIMEOUT: EXIT.unavailable,
  CONFIG_INVALID: EXIT.usage,
  UNAVAILABLE: EXIT.unavailable,
  INTERNAL: EXIT.failed,
};

export function exitCodeOf(error: unknown): ExitCode {
  return isWeighbridgeError(error) ? BY_CODE[error.code] : EXIT.failed;
}
