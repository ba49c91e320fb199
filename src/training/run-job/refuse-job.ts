import { marketOf } from '../../platform/index.js';
import { sealRecord, trainingRefusedRecord, type RefusalReason } from '../../provenance/index.js';
import { mayHoldKey } from '../job-state.js';
import type { Job } from '../job.js';
import type { RunJobDeps } from './deps.js';
import { settleMessage } from './settle-message.js';

/**
 * Ends a job without weights: fixes the reason and the `training-refused` entry in the row. What was appended or trained
 * before stays as it is; nothing of it leaves.
 */
export async function refuseJob(deps: RunJobDeps, job: Job, reason: RefusalReason): Promise<Job> {
  const privacySpent = job.declaration.privacy !== 'none' && mayHoldKey(job.state);
  const facts = { order: job.order, reason, privacySpent, refusedAt: new Date() };
  return deps.jobs.fixRecord(job, job.state, 'refusing', { reason }, async (position) =>
    sealRecord({ ...trainingRefusedRecord(marketOf(deps.network), { ...facts, position }), signer: deps.operator }),
  );
}

/** Appends `training-refused`; settlement sends the money back from its index. */
export async function logRefusal(deps: RunJobDeps, job: Job): Promise<Job> {
  if (job.pendingEntry === null) throw new Error(`job ${job.id} is refusing without an entry`);
  await deps.checkpoints.remove(job.id);
  const { index } = await deps.log.append(job.pendingEntry);
  const facts = { refusalIndex: index, pendingEntry: null };
  return deps.jobs.transition(job.id, 'refusing', 'refunding', facts, [settleMessage(job.id)]);
}
