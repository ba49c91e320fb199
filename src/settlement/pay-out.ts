import { marketplaceDomain, to0x, fromHex, TYPES, type Hex } from '../kernel/index.js';
import { marketOf } from '../platform/index.js';
import { withAnchoredProof, workerAccount, type Job } from '../training/index.js';
import { buildReceipt } from './build-receipt.js';
import { logSettlement } from './log-settlement.js';
import type { SettleJobDeps } from './settle-deps.js';

/** `settling` -> `settled`: seller, operator and protocol are paid by the shares fixed at `open`; the receipt is made. */
export async function payOut(deps: SettleJobDeps, job: Job): Promise<Job> {
  const transaction = job.settleTransaction ?? (await pay(deps, job));
  const paid = await deps.jobs.patch(job.id, 'settling', { settleTransaction: transaction });
  const settlementIndex = await logSettlement(deps, paid, { outcome: 'settled', transaction, payouts: job.shares });
  const receipt = await buildReceipt(deps, paid, settlementIndex);
  return deps.jobs.transition(job.id, 'settling', 'settled', { settlementIndex, receipt, pendingEntry: null });
}

async function pay(deps: SettleJobDeps, job: Job): Promise<Hex> {
  const { completionIndex, weightsDigest, ciphertextDigest } = job;
  if (completionIndex === null || weightsDigest === null || ciphertextDigest === null) {
    throw new Error(`job ${job.id} is settling without a completion record`);
  }
  const worker = workerAccount(deps.workerSeed, job.id);
  const completion = {
    orderId: job.id,
    worker: worker.address,
    weightsDigest: to0x(fromHex(weightsDigest)),
    ciphertextDigest: to0x(fromHex(ciphertextDigest)),
  };
  const domain = marketplaceDomain(marketOf(deps.network));
  const workerSignature = await worker.signTypedData({
    domain,
    types: TYPES,
    primaryType: 'Completion',
    message: completion,
  });
  return withAnchoredProof(deps, completionIndex, async (checkpoint, inclusion) =>
    deps.chain.anchorAndSettle(checkpoint, job.order, job.shares, { ...completion, workerSignature }, inclusion),
  );
}
