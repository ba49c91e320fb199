import { isWeighbridgeError, WeighbridgeError, type ErrorCode } from '../../kernel/index.js';
import type { Job } from '../job.js';
import { assertConsent } from './assert-consent.js';
import type { RunJobDeps } from './deps.js';

/** How often a run looks whether its buyer still wants it, and whether the chain still has its seller's consent. */
const LOOK_EVERY_MS = 2_000;
const CONSENT_EVERY_MS = 5_000;
const UNWANTED: ReadonlySet<ErrorCode> = new Set(['JOB_CANCELLED', 'DATASET_REVOKED', 'LICENCE_EXPIRED']);

/** @throws WeighbridgeError JOB_CANCELLED with `details.reason` once the buyer has asked for the end */
export function assertWanted({ id, cancelledAt }: Job): void {
  if (cancelledAt === null) return;
  throw new WeighbridgeError('JOB_CANCELLED', `the buyer cancelled job ${id}`, {
    next: 'Nothing: the refusal is logged and the payment goes back.',
    details: { reason: 'cancelled' },
  });
}

/**
 * Ends `work` while it is under way once the buyer has cancelled or the seller has revoked. What `work` answers is taken only if
 * nobody cancelled meanwhile; whoever takes it asks for the seller's consent once more.
 * @throws WeighbridgeError JOB_CANCELLED, DATASET_REVOKED, LICENCE_EXPIRED with `details.reason`
 */
export async function whileWanted<T>(
  deps: Pick<RunJobDeps, 'jobs' | 'chain' | 'signal'>,
  job: Job,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const unwanted = new AbortController();
  const look = async (): Promise<void> => assertWanted(await deps.jobs.get(job.id));
  const every = (ms: number, ask: () => Promise<void>): NodeJS.Timeout =>
    setInterval(() => {
      ask().catch((error: unknown) => {
        // A row or a chain that cannot be read just now is looked at again.
        if (isWeighbridgeError(error) && UNWANTED.has(error.code)) unwanted.abort(error);
      });
    }, ms);
  const timers = [every(LOOK_EVERY_MS, look), every(CONSENT_EVERY_MS, async () => assertConsent(deps, job))];
  try {
    const result = await work(AbortSignal.any([deps.signal, unwanted.signal]));
    await look();
    return result;
  } finally {
    timers.forEach(clearInterval);
  }
}
