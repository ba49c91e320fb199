import type { Hex } from '../../kernel/index.js';
import type { Job } from '../job.js';
import { withAnchoredProof } from './anchored-proof.js';
import { assignWorker } from './assign-worker.js';
import type { RunJobDeps } from './deps.js';

/**
 * Proves to the chain that the access record is in the log: anchors a checkpoint that holds it and records the access, in
 * one transaction. Only after this does `canRelease` say yes.
 */
export async function recordAccess(deps: RunJobDeps, job: Job): Promise<Job> {
  return deps.jobs.transition(job.id, 'recording', 'training', { recordTransaction: await record(deps, job) });
}

/**
 * Records an access again that the chain has forgotten: a reorganisation took its block back, and the payment still waits.
 * @returns false if the chain has not forgotten it
 */
export async function recordAgain(deps: RunJobDeps, job: Job): Promise<boolean> {
  if ((await deps.chain.order(job.id)).state !== 'open') return false;
  const recordTransaction = await record(deps, job);
  deps.logger.warn({ orderId: job.id, recordTransaction }, 'the chain took the access record back; recorded again');
  await deps.jobs.patch(job.id, 'training', { recordTransaction });
  return true;
}

async function record(deps: RunJobDeps, job: Job): Promise<Hex> {
  const { accessIndex, worker } = job;
  if (accessIndex === null || worker === null) throw new Error(`job ${job.id} is recording without an access record`);
  const assignSignature = await assignWorker(deps, job.id, worker);
  return withAnchoredProof(deps, accessIndex, async (checkpoint, inclusion) =>
    deps.chain.anchorAndRecord(checkpoint, job.order, worker, assignSignature, inclusion),
  );
}
