import { WeighbridgeError } from '../../kernel/index.js';
import { marketOf } from '../../platform/index.js';
import { accessGrantedRecord, sealRecord } from '../../provenance/index.js';
import type { Job } from '../job.js';
import { assignWorker } from './assign-worker.js';
import type { RunJobDeps } from './deps.js';
import { workerAccount } from './worker-account.js';

/**
 * Appends `access-granted`: the record that must exist before any key can be released. The entry's bytes go into the row
 * first, so a restarted worker appends the same bytes and the log answers with the same index: one record a release.
 */
export async function grantAccess(deps: RunJobDeps, job: Job): Promise<Job> {
  const granting = job.state === 'granting' ? job : await fixEntry(deps, job);
  if (granting.pendingEntry === null) throw new Error(`job ${job.id} is granting without an entry`);
  const { index } = await deps.log.append(granting.pendingEntry);
  return deps.jobs.transition(job.id, 'granting', 'recording', { accessIndex: index, pendingEntry: null });
}

async function fixEntry(deps: RunJobDeps, job: Job): Promise<Job> {
  await assertOpen(deps, job);
  const worker = workerAccount(deps.workerSeed, job.id).address;
  const startedAt = new Date();
  const facts = { order: job.order, worker, assignSignature: await assignWorker(deps, job.id, worker) };
  return deps.jobs.fixRecord(job, 'submitted', 'granting', { worker, startedAt }, async (position) => {
    const record = accessGrantedRecord(marketOf(deps.network), { ...facts, position, grantedAt: startedAt });
    return sealRecord({ ...record, signer: deps.operator });
  });
}

/** An order that is closed on chain, or about to be, gets no record: nobody could be given access by it any more. */
async function assertOpen({ chain }: RunJobDeps, { id, order }: Job): Promise<void> {
  if (BigInt(await chain.now()) <= order.deadline && (await chain.order(id)).state === 'open') return;
  throw new WeighbridgeError('DEADLINE_PASSED', `order ${id} is past its deadline or closed on chain`, {
    next: 'Open a new order with a later deadline.',
    details: { reason: 'deadline-passed' },
  });
}
