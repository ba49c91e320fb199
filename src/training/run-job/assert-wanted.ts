import { WeighbridgeError } from '../../kernel/index.js';
import type { Job } from '../job.js';
import type { RunJobDeps } from './deps.js';

/** How often a run looks whether it is still wanted. */
const LOOK_EVERY_MS = 2_000;

/** @throws WeighbridgeError JOB_CANCELLED with `details.reason` once the buyer has asked for the end */
export function assertWanted({ id, cancelledAt }: Job): void {
  if (cancelledAt === null) return;
  throw new WeighbridgeError('JOB_CANCELLED', `the buyer cancelled job ${id}`, {
    next: 'Nothing: the refusal is logged and the payment goes back.',
    details: { reason: 'cancelled' },
  });
}

/** Aborts with JOB_CANCELLED while `work` is under way; what `work` answers is taken only if nobody cancelled meanwhile. */
export async function whileWanted<T>(
  { jobs, signal }: Pick<RunJobDeps, 'jobs' | 'signal'>,
  { id }: Job,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const unwanted = new AbortController();
  const look = async (): Promise<void> => assertWanted(await jobs.get(id));
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      // A row that cannot be read just now is looked at again.
      if (error instanceof WeighbridgeError && error.code === 'JOB_CANCELLED') unwanted.abort(error);
    });
  }, LOOK_EVERY_MS);
  try {
    const result = await work(AbortSignal.any([signal, unwanted.signal]));
    await look();
    return result;
  } finally {
    clearInterval(timer);
  }
}
