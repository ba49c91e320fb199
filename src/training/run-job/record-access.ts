import type { Job } from '../job.js';
import { withAnchoredProof } from './anchored-proof.js';
import { assignWorker } from './assign-worker.js';
import type { RunJobDeps } from './deps.js';

/**
 * Proves to the chain that the access record is in the log: anchors a checkpoint that holds it and records the access, in
 * one transaction. Only after this does `canRelease` say yes.
 */
export async function recordAccess(deps: RunJobDeps, job: Job): Promise<Job> {
  const { accessIndex, worker } = job;
  if (accessIndex === null || worker === null) throw new Error(`job ${job.id} is recording without an access record`);
  const assignSignature = await assignWorker(deps, job.id, worker);
  const recordTransaction = await withAnchoredProof(deps, accessIndex, async (checkpoint, inclusion) =>
    deps.chain.anchorAndRecord(checkpoint, job.order, worker, assignSignature, inclusion),
  );
  return deps.jobs.transition(job.id, 'recording', 'training', { recordTransaction });
}
