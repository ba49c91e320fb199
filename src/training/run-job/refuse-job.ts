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
export async function refuseJob(deps: RunJobDeps, before: Job, reason: RefusalReason): Promise<Job> {
  const job = await asOnChain(deps, before);
  const privacySpent = job.declaration.privacy !== 'none' && mayHoldKey(job.state);
  const facts = { order: job.order, reason, privacySpent, refusedAt: new Date() };
  return deps.jobs.fixRecord(job, job.state, 'refusing', { reason }, async (position) =>
    sealRecord({ ...trainingRefusedRecord(marketOf(deps.network), { ...facts, position }), signer: deps.operator }),
  );
}

/**
 * A worker that died behind the chain's back left a row that does not know of the recorded access: from there on the key may be
 * released, so the budget is spent, whoever asked for it.
 */
async function asOnChain({ chain, jobs }: RunJobDeps, job: Job): Promise<Job> {
  if (job.state !== 'recording' || job.declaration.privacy === 'none') return job;
  const { state } = await chain.order(job.id);
  return state === 'recorded' ? jobs.transition(job.id, 'recording', 'training') : job;
}

/** Appends `training-refused`; settlement sends the money back from its index. */
export async function logRefusal(deps: RunJobDeps, job: Job): Promise<Job> {
  if (job.pendingEntry === null) throw new Error(`job ${job.id} is refusing without an entry`);
  await deps.checkpoints.remove(job.id);
  const { index } = await deps.log.append(job.pendingEntry);
  const facts = { refusalIndex: index, pendingEntry: null };
  return deps.jobs.transition(job.id, 'refusing', 'refunding', facts, [settleMessage(job.id)]);
}
