import { WeighbridgeError } from '../../src/kernel/index.js';
import type { RefusalReason } from '../../src/provenance/index.js';

/** @param next the one command, or the one sentence, that mends the host. */
export function unavailable(message: string, next: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('SANDBOX_UNAVAILABLE', message, { next, cause });
}

/** A run that ended without weights; `reason` goes into the log. */
export function trainerFailed(
  reason: RefusalReason,
  message: string,
  details: Record<string, unknown> = {},
): WeighbridgeError {
  return new WeighbridgeError('TRAINER_FAILED', message, {
    next: 'The job ends with this reason in the log, and the buyer is refunded.',
    details: { ...details, reason },
  });
}

/** What the trainer wrote breaks the protocol: it is destroyed unread, whatever it was. */
export function protocolBroken(rule: string): WeighbridgeError {
  return trainerFailed('trainer-failed', `the trainer broke its protocol: ${rule}`, { rule });
}

export function outOfTime(message: string): WeighbridgeError {
  return new WeighbridgeError('TIMEOUT', message, {
    next: 'Train fewer epochs or a smaller model, or open the job with a later deadline.',
    details: { reason: 'out-of-time' satisfies RefusalReason },
  });
}

export function pieceCorrupt(): WeighbridgeError {
  return new WeighbridgeError('PIECE_CORRUPT', 'a piece of the dataset does not open under its key', {
    next: 'The job ends with reason data-corrupt and the buyer is refunded; tell the seller.',
    details: { reason: 'data-corrupt' satisfies RefusalReason },
  });
}
