import { asciiBytes32, marketplaceDomain, TYPES, type Hex } from '../kernel/index.js';
import { marketOf } from '../platform/index.js';
import { withAnchoredProof, type Job } from '../training/index.js';
import { logSettlement } from './log-settlement.js';
import type { SettleJobDeps } from './settle-deps.js';

/** `refunding` -> `refunded`: the whole price goes back to the buyer, against the logged refusal or after the deadline. */
export async function payBack(deps: SettleJobDeps, job: Job): Promise<Job> {
  const transaction = job.refundTransaction ?? (await refund(deps, job));
  const paid = await deps.jobs.patch(job.id, 'refunding', { refundTransaction: transaction });
  // Back to the account; the log knows it by its pseudonym.
  const payouts = [{ to: (await deps.licenceOf(job)).licence.buyer, amount: job.priceWei }];
  const settlementIndex = await logSettlement(deps, paid, { outcome: 'refunded', transaction, payouts });
  return deps.jobs.transition(job.id, 'refunding', 'refunded', { settlementIndex, pendingEntry: null });
}

async function refund(deps: SettleJobDeps, job: Job): Promise<Hex> {
  if (BigInt(await deps.chain.now()) > job.order.deadline) return deps.chain.refundExpired(job.order);
  const { refusalIndex, reason } = job;
  if (refusalIndex === null || reason === null) throw new Error(`job ${job.id} is refunding without a refusal record`);
  const message = { orderId: job.id, reason: asciiBytes32(reason) };
  const domain = marketplaceDomain(marketOf(deps.network));
  const operatorSignature = await deps.operator.signTypedData({
    domain,
    types: TYPES,
    primaryType: 'Refusal',
    message,
  });
  return withAnchoredProof(deps, refusalIndex, async (checkpoint, inclusion) =>
    deps.chain.anchorAndRefund(checkpoint, job.order, { reason: message.reason, operatorSignature }, inclusion),
  );
}
