import { getRailCall, getRailsForPayerAndToken, settleRail, type getRail } from '@filoz/synapse-core/pay';
import { getBlockNumber, multicall, waitForTransactionReceipt } from 'viem/actions';
import { RECEIPT_TIMEOUT_MS, sendAs, type FocReader, type FocSigner } from './foc-client.js';

const PAGE = 100n;

type Rail = getRail.OutputType;

/** These rails by number, without those that were settled to their ends: FilecoinPay has forgotten them. */
export async function openRails(client: FocReader | FocSigner, railIds: readonly bigint[]): Promise<Map<bigint, Rail>> {
  const { chain } = client;
  const rails = await multicall(client, { contracts: railIds.map((railId) => getRailCall({ chain, railId })) });
  const open = new Map<bigint, Rail>();
  railIds.forEach((railId, i) => {
    const rail = rails[i];
    if (rail?.status === 'success') open.set(railId, rail.result);
    // A node that is away must not pass for a rail that is gone.
    else if (!isGone(rail?.error)) throw rail?.error ?? new Error(`no answer about rail ${railId}`);
  });
  return open;
}

/** What of its payer's deposit a terminated rail holds until it is settled, in wei. */
export function heldBy({ paymentRate, endEpoch, settledUpTo, lockupFixed }: Rail): bigint {
  return paymentRate * (endEpoch - settledUpTo) + lockupFixed;
}

/**
 * Settles the wallet's rails that are past their ends and that nobody has settled yet: what was proven is paid, and the rest of what
 * was held for them is free again. A provider does so itself; one that is gone does not. May be repeated: a rail that ends within a proving
 * period is settled to its end only once that is over.
 * @returns how many were settled to their ends
 */
export async function settleEnded(wallet: FocSigner): Promise<number> {
  const epoch = await getBlockNumber(wallet, { cacheTime: 0 });
  const ended: bigint[] = [];
  for (let offset = 0n, goOn = true; goOn;) {
    const page = await getRailsForPayerAndToken(wallet, { payer: wallet.account.address, offset, limit: PAGE });
    ended.push(
      ...page.results
        .filter(({ isTerminated, endEpoch }) => isTerminated && endEpoch <= epoch)
        .map(({ railId }) => railId),
    );
    goOn = page.nextOffset > offset && page.nextOffset < page.total;
    offset = page.nextOffset;
  }
  if (ended.length === 0) return 0;
  let settled = 0;
  for (const [railId, rail] of await openRails(wallet, ended)) {
    // The rail of a data set's fee ends as it is made, and holds nothing.
    if (heldBy(rail) > 0n && (await settle(wallet, railId, rail.endEpoch))) settled++;
  }
  return settled;
}

/** False if its provider was faster, or if a proving period goes on in which it ends. */
async function settle(wallet: FocSigner, railId: bigint, untilEpoch: bigint): Promise<boolean> {
  try {
    const hash = await sendAs(wallet, async () => settleRail(wallet, { railId, untilEpoch }));
    const { status } = await waitForTransactionReceipt(wallet, { hash, timeout: RECEIPT_TIMEOUT_MS });
    return status === 'success' && !(await isOpen());
  } catch (error) {
    if (!hasNoProgress(error) && (await isOpen())) throw error;
    return false;
  }

  async function isOpen(): Promise<boolean> {
    return (await openRails(wallet, [railId])).size > 0;
  }
}

/** FilecoinPay refuses to settle a rail a second time before the proving period is over in which it ends; the devnet's does nothing. */
function hasNoProgress(error: unknown): boolean {
  return error instanceof Error && error.message.includes('NoProgressInSettlement');
}

function isGone(error: Error | undefined): boolean {
  return error?.message.includes('RailInactiveOrSettled') ?? false;
}
