import { formatWei, orderFromJson, type Bytes32 } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import type { BuyerChain } from '../ports.js';
import type { StateDir } from '../state/state-dir.js';
import { knownOrders } from '../train/job-journal.js';
import { shortId } from '../ui/text.js';
import { facts } from '../ui/table.js';

/** Refunds what expired, then pays out all credit. */
export async function withdraw(cli: Cli): Promise<void> {
  const { ui, state } = cli;
  const [network, account] = await Promise.all([cli.network(), cli.account()]);
  const chain = await cli.adapters.buyerChain(network, account);
  const refunded = await refundExpired(chain, state, account.address, (message) => ui.warn(message));
  for (const orderId of refunded) ui.note(`job ${shortId(orderId)} missed its deadline: its payment is credit now`);
  const amountWei = await chain.owed();
  if (amountWei === 0n) {
    ui.result({ amountWei, transaction: null, refunded }, () => ['Nothing is owed to you.']);
    return;
  }
  const transaction = await chain.withdraw();
  const balanceWei = await chain.usdfcBalance();
  ui.result({ amountWei, transaction, refunded, balanceWei }, () => [
    ui.out.green(`Paid out ${formatWei(amountWei)} USDFC.`),
    ...facts([
      ['transaction', transaction],
      ['balance', `${formatWei(balanceWei)} USDFC`],
    ]),
  ]);
}

/** Orders that this machine opened, that are still open on chain, and whose deadline is over by the chain's clock. */
export async function refundExpired(
  chain: BuyerChain,
  state: StateDir,
  buyer: string,
  warn: (message: string) => void,
): Promise<Bytes32[]> {
  const refunded: Bytes32[] = [];
  for (const known of await knownOrders(state)) {
    if (known instanceof Error) {
      warn(`${known.message}: if its order was paid, the payment is not taken back`);
      continue;
    }
    const { orderId, order } = known;
    if (order.buyer.toLowerCase() !== buyer.toLowerCase()) continue;
    const { state: onChain, deadline } = await chain.order(orderId);
    const isOpen = onChain === 'open' || onChain === 'recorded';
    if (!isOpen || (await chain.now()) <= deadline) continue;
    await chain.refundExpired(orderFromJson(order));
    refunded.push(orderId);
  }
  return refunded;
}
