import type { CheckpointStore, JobRepository } from '../src/training/index.js';
import { repeat } from './repeat.js';

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
  return repeat(
    async () => {
      const unfinished = await jobs.listUnfinished();
      const mayGoOn = unfinished.filter(
        ({ state, deadline }) => state === 'training' && deadline.getTime() > Date.now(),
      );
      await checkpoints.keepOnly(new Set(mayGoOn.map(({ id }) => id)));
    },
    EVERY_MS,
    onError,
  );
}
