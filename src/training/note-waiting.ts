import { isWeighbridgeError } from '../kernel/index.js';
import type { JobRepository } from './job.repository.js';
import type { Job } from './job.js';

/**
 * Tells whoever watches a job what it waits for, such as WITNESSES_MISSING. The note goes with the next move of the job.
 * @returns the code; undefined for a failure that does not heal by itself
 */
export async function noteWaiting(
  jobs: Pick<JobRepository, 'patch'>,
  job: Job,
  error: unknown,
): Promise<Job['waitingFor'] | undefined> {
  if (!isWeighbridgeError(error) || !error.retryable) return undefined;
  if (job.waitingFor === error.code) return error.code;
  // The job may have moved meanwhile, and then it waits no more.
  await jobs.patch(job.id, job.state, { waitingFor: error.code }).catch(() => undefined);
  return error.code;
}
