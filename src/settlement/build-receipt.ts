import { marketOf } from '../platform/index.js';
import { assembleReceipt } from '../provenance/index.js';
import type { Job } from '../training/index.js';
import type { SettleJobDeps } from './settle-deps.js';

/**
 * The receipt of a settled job as plain JSON; `receipt.json` is its canonical form and one newline.
 * @throws WeighbridgeError LOG_UNAVAILABLE, RECEIPT_INVALID
 */
export async function buildReceipt(deps: SettleJobDeps, job: Job, settlementIndex: number): Promise<unknown> {
  const { accessIndex, completionIndex } = job;
  if (accessIndex === null || completionIndex === null) throw new Error(`job ${job.id} settles without its records`);
  const { datasetIndex, licenceIndex } = await deps.recordsOf(job);
  const { pseudonymSignature } = await deps.licenceOf(job);
  const bytes = await assembleReceipt(deps.log, {
    market: marketOf(deps.network),
    order: job.order,
    pseudonymSignature,
    model: job.declaration,
    indices: {
      'dataset-listed': datasetIndex,
      'licence-issued': licenceIndex,
      'access-granted': accessIndex,
      'training-completed': completionIndex,
      'job-settled': settlementIndex,
    },
  });
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
}
