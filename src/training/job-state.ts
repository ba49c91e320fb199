import { WeighbridgeError } from '../kernel/index.js';

/** The states of a job; ARCHITECTURE.md says what each means and what is durable before its side effect. */
export const JOB_STATES = [
  'submitted',
  'granting',
  'recording',
  'training',
  'completing',
  'settling',
  'settled',
  'refusing',
  'refunding',
  'refunded',
] as const;
export type JobState = (typeof JOB_STATES)[number];

/**
 * The one table of moves. Until the completion is in the log, whatever goes wrong is a refusal, which is logged before the
 * money goes back. A completion that could not be settled before the deadline needs no refusal: the contract refunds an
 * expired order to anyone who asks.
 */
export const TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  submitted: ['granting', 'refusing'],
  granting: ['recording', 'refusing'],
  recording: ['training', 'refusing'],
  training: ['completing', 'refusing'],
  completing: ['settling'],
  settling: ['settled', 'refunding'],
  settled: [],
  refusing: ['refunding'],
  refunding: ['refunded'],
  refunded: [],
};

/** True when nothing more happens to the job. */
export function isFinal(state: JobState): boolean {
  return TRANSITIONS[state].length === 0;
}

/** States that a restarted worker takes up again. */
export const UNFINISHED_STATES: readonly JobState[] = JOB_STATES.filter((state) => !isFinal(state));

/** True where the chain has allowed the key to be released. */
export function mayHoldKey(state: JobState): boolean {
  return state === 'training' || state === 'completing';
}

/** Before the completion is logged a job can end without weights; after it there is nothing left to refuse. */
export const REFUSABLE_STATES: readonly JobState[] = JOB_STATES.filter(
  (state) => state !== 'refusing' && TRANSITIONS[state].includes('refusing'),
);

/** @throws WeighbridgeError JOB_STATE when the table has no such move */
export function assertTransition(from: JobState, to: JobState): void {
  if (TRANSITIONS[from].includes(to)) return;
  throw new WeighbridgeError('JOB_STATE', `a job that is ${from} cannot become ${to}`, {
    next: 'Read the job again and go on from its present state.',
    details: { from, to },
  });
}
