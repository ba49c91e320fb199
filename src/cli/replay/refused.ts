import { WeighbridgeError } from '../../kernel/index.js';

/** Why a job is not trained again here: what came out would prove nothing. */
export function replayRefused(what: string, next: string, details: Record<string, unknown> = {}): WeighbridgeError {
  return new WeighbridgeError('REPLAY_REFUSED', `the job is not replayed: ${what}`, { next, details });
}
