import type { CheckpointStore, JobRepository } from '../src/training/index.js';

const EVERY_MS = 10 * 60_000;

/**
 * Removes the sealed states of runs that will not go on: of jobs that ended on another worker, or while this one was away, and of
 * jobs past their deadline.
 */
export function startSweep(
  jobs: Pick<JobRepository, 'listUnfinished'>,
  checkpoints: Pick<CheckpointStore, 'keepOnly'>,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  const run = async (): Promise<void> => {
    const unfinished = await jobs.listUnfinished();
    const mayGoOn = unfinished.filter(({ state, deadline }) => state === 'training' && deadline.getTime() > Date.now());
    await checkpoints.keepOnly(new Set(mayGoOn.map(({ id }) => id)));
  };
  let running = run().catch(onError);
  const timer = setInterval(() => {
    running = run().catch(onError);
  }, EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
