import { JOB_STATES, type JobState } from '../job-state.js';
import type { Job } from '../job.js';

/** Where a job stands: its state, and within training the step of so many. */
export interface Progress {
  state: JobState;
  step: number;
  of: number;
  reason: string | null;
}

export function progressOf({ state, progressStep, progressOf, reason }: Job): Progress {
  return { state, step: progressStep, of: progressOf, reason };
}

/**
 * Whether `next` says something new. States are listed in the order in which jobs pass them, so a report that was overtaken
 * (events and rows come by different ways) never sets a watcher back.
 */
export function isNews(last: Progress | undefined, next: Progress): boolean {
  if (last === undefined) return true;
  const moved = JOB_STATES.indexOf(next.state) - JOB_STATES.indexOf(last.state);
  return moved > 0 || (moved === 0 && next.step > last.step);
}

/** What a worker reported through the queue; undefined for anything else, since a queue's events are not typed. */
export function readReport(data: unknown): Progress | undefined {
  const { state, step, of, reason } = (data ?? {}) as Record<string, unknown>;
  const known = JOB_STATES.find((s) => s === state);
  if (known === undefined || !Number.isSafeInteger(step) || !Number.isSafeInteger(of)) return undefined;
  return { state: known, step: step as number, of: of as number, reason: typeof reason === 'string' ? reason : null };
}
