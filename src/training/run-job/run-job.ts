import { isWeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import type { Job } from '../job.js';
import { REFUSABLE_STATES, type JobState } from '../job-state.js';
import { assertConsent } from './assert-consent.js';
import { assertWanted } from './assert-wanted.js';
import { completeJob } from './complete-job.js';
import { noteWaiting } from '../note-waiting.js';
import type { RunJobDeps } from './deps.js';
import { grantAccess } from './grant-access.js';
import { recordAccess } from './record-access.js';
import { refusalOf } from './refusal-of.js';
import { logRefusal, refuseJob } from './refuse-job.js';
import { trainJob } from './train-job.js';

/** A refusal still has to be logged, anchored and paid back before the deadline: no retry is started later than this. */
const REFUSAL_MARGIN_MS = 30_000;
/** A failure that nobody foresaw is tried this often, in case the world was at fault, and then refused. */
const UNFORESEEN_ATTEMPTS = 3;

type Step = (deps: RunJobDeps, job: Job) => Promise<Job>;

/** What moves a job on from each state that training owns. From `settling` and `refunding` on, settlement does. */
const STEPS: Partial<Record<JobState, Step>> = {
  submitted: grantAccess,
  granting: grantAccess,
  recording: recordAccess,
  training: trainJob,
  completing: completeJob,
  refusing: logRefusal,
};

/**
 * Takes one job from wherever its row says it is to settlement's door. Running it again at any moment, after any crash,
 * goes on from the row: each step repeats its side effect safely.
 * @param attempt how often the queue has tried this job before
 * @throws what may heal by itself, for the queue to try again; everything else becomes a logged refusal
 */
export async function runJob(deps: RunJobDeps, orderId: Bytes32, attempt: number): Promise<Job> {
  let job = await deps.jobs.get(orderId);
  for (;;) {
    const step = STEPS[job.state];
    const { state, progressStep, progressOf: of, waitingFor } = job;
    // A job that is tried again still waits, until it moves.
    await deps.report({ state, step: progressStep, of, ...(waitingFor === null ? {} : { waitingFor }) });
    if (step === undefined) return job;
    try {
      if (REFUSABLE_STATES.includes(job.state)) {
        assertWanted(job);
        await assertConsent(deps, job);
      }
      job = await step(deps, job);
    } catch (error) {
      deps.signal.throwIfAborted();
      job = await deps.jobs.get(orderId);
      if (!REFUSABLE_STATES.includes(job.state) || mayHeal(error, job, attempt)) {
        await reportWaiting(deps, job, error);
        throw error;
      }
      const reason = refusalOf(error, job);
      deps.logger.warn({ orderId, state: job.state, reason, err: error }, 'job refused');
      job = await refuseJob(deps, job, reason);
    }
  }
}

async function reportWaiting(deps: RunJobDeps, job: Job, error: unknown): Promise<void> {
  const waitingFor = await noteWaiting(deps.jobs, job, error);
  if (!waitingFor) return;
  await deps.report({ state: job.state, step: job.progressStep, of: job.progressOf, waitingFor });
}

function mayHeal(error: unknown, job: Job, attempt: number): boolean {
  if (Date.now() > job.deadline.getTime() - REFUSAL_MARGIN_MS) return false;
  return isWeighbridgeError(error) ? error.retryable : attempt + 1 < UNFORESEEN_ATTEMPTS;
}
