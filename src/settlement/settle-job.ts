import { WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import { noteWaiting, type Job } from '../training/index.js';
import { payBack } from './pay-back.js';
import { payOut } from './pay-out.js';
import type { SettleJobDeps } from './settle-deps.js';

/**
 * Moves the money of a finished or refused job against the logged proof, logs that it moved, and assembles the receipt.
 * Safe to run again from any point: the chain port answers with the transaction that already did it, the log with the
 * index it already gave.
 * @throws WeighbridgeError JOB_STATE, CHAIN_UNAVAILABLE, LOG_UNAVAILABLE, TRANSACTION_REVERTED
 */
export async function settleJob(deps: SettleJobDeps, orderId: Bytes32): Promise<Job> {
  const job = await deps.jobs.get(orderId);
  try {
    return await step(deps, job);
  } catch (error) {
    await noteWaiting(deps.jobs, await deps.jobs.get(orderId), error);
    throw error;
  }
}

async function step(deps: SettleJobDeps, job: Job): Promise<Job> {
  switch (job.state) {
    case 'settling':
      return (await isTooLate(deps, job)) ? payBack(deps, await giveUp(deps, job)) : payOut(deps, job);
    case 'refunding':
      return payBack(deps, job);
    case 'settled':
    case 'refunded':
      return job;
    case 'submitted':
    case 'granting':
    case 'recording':
    case 'training':
    case 'completing':
    case 'refusing':
      throw new WeighbridgeError('JOB_STATE', `job ${job.id} is ${job.state}, not ready to settle`, {
        next: 'Wait until training has ended.',
      });
  }
}

/** The contract settles until the deadline and not after it. */
async function isTooLate({ chain }: SettleJobDeps, job: Job): Promise<boolean> {
  if (BigInt(await chain.now()) <= job.order.deadline) return false;
  return (await chain.order(job.id)).state !== 'settled';
}

async function giveUp({ jobs }: SettleJobDeps, job: Job): Promise<Job> {
  return jobs.transition(job.id, 'settling', 'refunding', { reason: 'deadline-passed', pendingEntry: null });
}
