import { formatWei, parsePriceWei, WeighbridgeError } from '../../kernel/index.js';
import { EPOCHS_PER_DAY } from '../../storage/index.js';
import type { Cli } from '../cli.js';
import { facts } from '../ui/table.js';
import { runwayOf } from './runway.js';

const DEFAULT_DAYS = 90;

/** Pays into the seller's storage account. */
export async function topUp(cli: Cli, { days, amount }: { days?: number; amount?: number }): Promise<void> {
  if (days !== undefined && amount !== undefined) {
    throw new WeighbridgeError('BAD_INPUT', '--days and --amount exclude each other', { next: 'Give one of them.' });
  }
  const [network, account] = await Promise.all([cli.network(), cli.account()]);
  const reader = await cli.adapters.storageNetwork(network);
  const before = await reader.accountOf(account.address);
  const amountWei =
    amount === undefined
      ? before.ratePerEpochWei * EPOCHS_PER_DAY * BigInt(days ?? DEFAULT_DAYS)
      : parsePriceWei(String(amount));
  if (amountWei === 0n) {
    throw new WeighbridgeError('BAD_INPUT', 'this account pays for no storage', {
      next: 'Publish a dataset first, or give --amount.',
    });
  }
  await (await cli.adapters.sellerStorage(network, account)).topUp(amountWei);
  const after = await reader.accountOf(account.address);
  const runway = runwayOf(after);
  cli.ui.result({ paidWei: amountWei, depositWei: after.depositWei, runwayDays: runway.days }, () => [
    cli.ui.out.green(`Paid in ${formatWei(amountWei)} USDFC.`),
    ...facts([
      ['deposit', `${formatWei(after.depositWei)} USDFC`],
      ['lasts', runway.words],
    ]),
  ]);
}
