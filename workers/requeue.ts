import type { Queues } from '../src/platform/index.js';
import { runMessage, settleMessage, type JobRepository } from '../src/training/index.js';
import { repeat } from './repeat.js';

const EVERY_MS = 30_000;

/**
 * Puts jobs back that the database says are unfinished and the queue has lost (a Redis without persistence, a queue that
 * was emptied by hand). A job that the queue still has is not added twice: its id is its order id.
 */
export function startRequeue(
  jobs: JobRepository,
  queues: Queues,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  const training = queues.queue('training');
  const settlement = queues.queue('settlement');
  const run = async (): Promise<void> => {
    for (const { id, state } of await jobs.listUnfinished()) {
      const settling = state === 'settling' || state === 'refunding';
      const { name, jobId, payload } = settling ? settleMessage(id) : runMessage(id);
      await (settling ? settlement : training).add(name, payload, { jobId });
    }
  };
  const loop = repeat(run, EVERY_MS, onError);
  return {
    stop: async () => {
      await loop.stop();
      await Promise.all([training.close(), settlement.close()]);
    },
  };
}
