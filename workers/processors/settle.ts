import type { Job as QueueJob } from 'bullmq';
import type { Handlers } from '../../src/platform/index.js';
import { settleJob, type SettleJobDeps } from '../../src/settlement/index.js';

/** The `settlement` queue: one use case; watchers see the final state. */
export function settlementHandlers(deps: SettleJobDeps): Handlers<'settlement', QueueJob> {
  return {
    settle: async ({ orderId }, queueJob) => {
      const job = await settleJob(deps, orderId);
      const { state, progressStep: step, progressOf: of, reason } = job;
      await queueJob.updateProgress({ state, step, of, ...(reason === null ? {} : { reason }) });
    },
  };
}
