import { JOB_STATES, type JobState } from '../job-state.js';
import type { Job } from '../job.js';

/** Where a job stands: its state, and within training the step of so many. */
export interface Progress {
  state: JobState;
  step: number;
  of: number;
  reason: string | null;
  /** What it waits for, an error code; null while it moves. */
  waitingFor: string | null;
  /** While it trains: how long that takes yet, at the pace so far; null where nothing is known of it. */
  secondsLeft: number | null;
  /** Ciphertext of the rows that the worker has fetched, of `toFetchBytes`; null once steps begin, and in rows, which do not keep it. */
  fetchedBytes: number | null;
  toFetchBytes: number | null;
}

export function progressOf({ state, progressStep, progressOf, reason, waitingFor, secondsLeft }: Job): Progress {
  const left = state === 'training' ? secondsLeft : null;
  const steps = { step: progressStep, of: progressOf };
  return { state, ...steps, reason, waitingFor, secondsLeft: left, fetchedBytes: null, toFetchBytes: null };
}

/**
 * Whether `next` says something new. States are listed in the order in which jobs pass them, so a report that was overtaken
 * (events and rows come by different ways) never sets a watcher back.
 */
export function isNews(last: Progress | undefined, next: Progress): boolean {
  if (last === undefined) return true;
  const moved = JOB_STATES.indexOf(next.state) - JOB_STATES.indexOf(last.state);
  if (moved !== 0) return moved > 0;
  if (next.step !== last.step) return next.step > last.step;
  return next.waitingFor !== last.waitingFor || (next.fetchedBytes ?? -1) > (last.fetchedBytes ?? -1);
}

/** What a worker reported through the queue; undefined for anything else, since a queue's events are not typed. */
export function readReport(data: unknown): Progress | undefined {
  const { state, step, of, reason, waitingFor, secondsLeft, fetchedBytes, toFetchBytes } = (data ?? {}) as Record<
    string,
    unknown
  >;
  const known = JOB_STATES.find((s) => s === state);
  if (known === undefined || !Number.isSafeInteger(step) || !Number.isSafeInteger(of)) return undefined;
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const whole = (value: unknown): number | null => (Number.isSafeInteger(value) ? (value as number) : null);
  return {
    state: known,
    step: step as number,
    of: of as number,
    reason: text(reason),
    waitingFor: text(waitingFor),
    secondsLeft: whole(secondsLeft),
    fetchedBytes: whole(fetchedBytes),
    toFetchBytes: whole(toFetchBytes),
  };
}
