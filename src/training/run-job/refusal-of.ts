import { isWeighbridgeError, type ErrorCode } from '../../kernel/index.js';
import { REFUSAL_REASONS, type RefusalReason } from '../../provenance/index.js';
import type { Job } from '../job.js';

/** What a failure becomes in the log when the job cannot go on. Only reasons of the closed list leave. */
const REASON_OF: Partial<Record<ErrorCode, RefusalReason>> = {
  KEY_DENIED: 'key-denied',
  KEY_NODES_DOWN: 'key-nodes-down',
  PROVIDER_DOWN: 'data-unavailable',
  PIECE_CORRUPT: 'data-corrupt',
  MODEL_REJECTED: 'model-rejected',
  MODEL_DOES_NOT_FIT: 'model-rejected',
  PRIVACY_REFUSED: 'model-rejected',
  BLOB_NOT_FOUND: 'model-rejected',
  DIGEST_MISMATCH: 'model-rejected',
  GATE_REFUSED: 'gate-refused',
  TIMEOUT: 'out-of-time',
  DEADLINE_PASSED: 'deadline-passed',
  DATASET_REVOKED: 'dataset-revoked',
};

/**
 * The refusal reason for an error. A trainer names its own; anything unknown is `trainer-failed`. A run whose time was up before its first step was not
 * too long: what it waited for is why, and nobody is told to train less.
 */
export function refusalOf(error: unknown, job: Pick<Job, 'waitingFor' | 'progressStep'>): RefusalReason {
  const reason = reasonOf(error);
  if (reason !== 'out-of-time' || job.progressStep > 0 || job.waitingFor === null) return reason;
  return REASON_OF[job.waitingFor] ?? reason;
}

function reasonOf(error: unknown): RefusalReason {
  if (!isWeighbridgeError(error)) return 'trainer-failed';
  const named = error.details.reason;
  const reason = REFUSAL_REASONS.find((r) => r === named);
  return reason ?? REASON_OF[error.code] ?? 'trainer-failed';
}
