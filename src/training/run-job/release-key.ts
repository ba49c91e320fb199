import { setTimeout as sleep } from 'node:timers/promises';
import type { WrappedKey } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import type { RefusalReason } from '../../provenance/index.js';
import type { Job } from '../job.js';
import type { RunJobDeps } from './deps.js';
import { recordAgain } from './record-access.js';
import { workerAccount } from './worker-account.js';

/** Key nodes also ask the finalized block, which lags behind the block that recorded the access. */
const FINALITY_WAIT_MS = 60_000;
const FINALITY_POLL_MS = 500;

/**
 * Asks the key nodes as the job's own worker. A denial while the latest block says yes is finality catching up, and is
 * asked again for a while, and so is one after a reorganisation took the access record back, once it is recorded again. Any
 * other denial that the chain agrees with is final, and its cause is named.
 * @returns the data key, 32 bytes; the caller zeroes it
 * @throws WeighbridgeError KEY_DENIED with `details.reason`, KEY_NODES_DOWN (retryable)
 */
export async function releaseKey(
  deps: RunJobDeps,
  job: Job,
  wrapped: WrappedKey,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const worker = workerAccount(deps.workerSeed, job.id);
  const until = performance.now() + FINALITY_WAIT_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await deps.vault.unwrap(wrapped, worker);
    } catch (error) {
      if (!(error instanceof WeighbridgeError) || error.code !== 'KEY_DENIED') throw error;
      const allowed = await deps.chain.canRelease(job.keyId, worker.address);
      if (performance.now() > until) throw await denialOf(deps, job, error);
      if (!allowed && !(await mended(deps, job))) throw await denialOf(deps, job, error);
      await sleep(FINALITY_POLL_MS, undefined, { signal });
    }
  }
}

/** Whether nothing stands against the job but an access record that the chain lost, and it has it again. */
async function mended(deps: RunJobDeps, job: Job): Promise<boolean> {
  return (await reasonOf(deps, job)) === 'key-denied' && (await recordAgain(deps, job));
}

async function denialOf(deps: RunJobDeps, job: Job, denial: WeighbridgeError): Promise<WeighbridgeError> {
  return new WeighbridgeError('KEY_DENIED', denial.message, {
    next: denial.next,
    details: { reason: await reasonOf(deps, job) },
    cause: denial,
  });
}

async function reasonOf({ chain }: RunJobDeps, job: Job): Promise<RefusalReason> {
  if (await chain.isRevoked(job.keyId)) return 'dataset-revoked';
  if (await chain.isLicenceRevoked(job.keyId, job.licenceId)) return 'licence-revoked';
  if ((await chain.now()) * 1_000 > job.deadline.getTime()) return 'deadline-passed';
  return 'key-denied';
}
