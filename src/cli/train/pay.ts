import { amountOf, offerFromJson, orderFromJson, formatWei, WeighbridgeError } from '../../kernel/index.js';
import { shortId } from '../ui/text.js';
import { writeJob, type JobJournal } from './job-journal.js';
import type { TrainDeps } from './deps.js';

/** Time that a run needs at the very least, seconds: opening an order with less of it would only lock money. */
const MIN_LEFT_SECONDS = 60;

/**
 * Pays the order into escrow, once: the chain is asked whether it is open before anything is sent, and the contract refuses
 * a second opening of the same order.
 * @returns undefined if the order can never be opened any more, or its money went back: a new one may be made without risk of
 *   paying twice
 * @throws WeighbridgeError NO_BALANCE, OFFER_MISMATCH, DEADLINE_PASSED, CHAIN_UNAVAILABLE
 */
export async function payOnce(journal: JobJournal, deps: TrainDeps): Promise<JobJournal | undefined> {
  if (journal.outcome !== undefined || journal.submitted) return journal;
  const { chain, state, ui } = deps;
  const order = orderFromJson(journal.order);
  const offer = offerFromJson(journal.offer);
  const amount = formatWei(amountOf(offer, order.epsilonMicros));
  const onChain = await chain.order(journal.orderId);
  const leftSeconds = Number(order.deadline) - (await chain.now());
  if (onChain.state === 'none') {
    // Both for good: the deadline is in the order, and the contract takes orders against the listed offer only.
    if (leftSeconds <= 0 || (await chain.offerOf(order.keyId)) !== order.offer) return end(journal, 'abandoned', deps);
    if (leftSeconds < MIN_LEFT_SECONDS) throw tooLate(leftSeconds);
    ui.note(`paying ${amount} USDFC into escrow for job ${shortId(journal.orderId)}`);
  } else if (onChain.state === 'refunded') {
    return end(journal, 'refunded', deps);
  } else if (leftSeconds < 0) {
    // Paid, never submitted, and too late now: nobody else will ask for the money.
    await chain.refundExpired(order);
    ui.note(`the interrupted job missed its deadline: its ${amount} USDFC are your credit again`);
    return end(journal, 'refunded', deps);
  }
  // Answers with the earlier transaction if there is one.
  const next = { ...journal, opened: await chain.open(order, offer) };
  await writeJob(state, next);
  return next;
}

async function end(journal: JobJournal, outcome: 'abandoned' | 'refunded', { state }: TrainDeps): Promise<undefined> {
  await writeJob(state, { ...journal, outcome });
  return undefined;
}

function tooLate(leftSeconds: number): WeighbridgeError {
  return new WeighbridgeError(
    'DEADLINE_PASSED',
    `the interrupted job's deadline is ${leftSeconds} seconds away, nothing was paid for it`,
    {
      next: 'Run the same command again in a minute: it begins a new job then.',
      retryable: true,
    },
  );
}
