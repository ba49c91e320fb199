import { formatWei, parsePriceWei, WeighbridgeError } from '../../kernel/index.js';
import { EPOCHS_PER_DAY, type StorageAccount } from '../../storage/index.js';
import type { Cli } from '../cli.js';
import { facts } from '../ui/table.js';
import { runwayOf } from './runway.js';

/** What `publish` pays in for, too. */
const DEFAULT_KEEP_DAYS = 90;

/** Takes out of the seller's storage account what its copies do not need for so many days. */
export async function withdraw(cli: Cli, { keepDays, amount }: { keepDays?: number; amount?: number }): Promise<void> {
  if (keepDays !== undefined && amount !== undefined) {
    throw new WeighbridgeError('BAD_INPUT', '--keep-days and --amount exclude each other', {
      next: 'Give one of them.',
    });
  }
  const [network, account] = await Promise.all([cli.network(), cli.account()]);
  const [reader, seller] = await Promise.all([
    cli.adapters.storageNetwork(network),
    cli.adapters.sellerStorage(network, account),
  ]);
  // Of a provider that is gone nobody else gives back what its rail holds.
  const settled = await seller.settleEnded();
  if (settled > 0) cli.ui.note(`settled ${settled} rails that had come to their ends`);
  const before = await reader.accountOf(account.address);
  const amountWei =
    amount === undefined ? beyond(before, keepDays ?? DEFAULT_KEEP_DAYS) : parsePriceWei(String(amount));
  await seller.withdraw(amountWei);
  const after = await reader.accountOf(account.address);
  const runway = runwayOf(after);
  cli.ui.result({ withdrawnWei: amountWei, depositWei: after.depositWei, runwayDays: runway.days }, () => [
    cli.ui.out.green(`Took out ${formatWei(amountWei)} USDFC.`),
    ...facts([
      ['deposit', `${formatWei(after.depositWei)} USDFC, of which ${formatWei(after.availableWei)} free`],
      ['lasts', runway.words],
    ]),
  ]);
}

/** What is free beyond so many days of storage. @throws WeighbridgeError BAD_INPUT if that is nothing */
function beyond({ availableWei, ratePerEpochWei }: StorageAccount, days: number): bigint {
  const rest = availableWei - ratePerEpochWei * EPOCHS_PER_DAY * BigInt(days);
  if (rest > 0n) return rest;
  throw new WeighbridgeError('BAD_INPUT', `nothing is free beyond ${days} days of storage`, {
    next: 'See "weighbridge storage status", and give fewer --keep-days, or --amount.',
    details: { availableWei: availableWei.toString() },
  });
}
