import type { Job as QueueJob } from 'bullmq';
import type { Handlers } from '../../src/platform/index.js';
import { runJob, type JobReport, type RunJobDeps } from '../../src/training/index.js';

/** The `training` queue: one use case, and the job's own progress as its report. */
export function trainingHandlers(deps: Omit<RunJobDeps, 'report'>): Handlers<'training', QueueJob> {
  return {
    run: async ({ orderId }, queueJob) => {
      const report = async (progress: JobReport): Promise<void> => {
        await queueJob.updateProgress(progress);
        if (progress.state !== 'training') return;
        const { step: progressStep, of: progressOf, waitingFor = null, secondsLeft = null } = progress;
        await deps.jobs.patch(orderId, 'training', { progressStep, progressOf, waitingFor, secondsLeft });
      };
      await runJob({ ...deps, report }, orderId, queueJob.attemptsMade);
    },
  };
}
