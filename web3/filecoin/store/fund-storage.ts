import { depositAndApprove, setOperatorApproval } from '@filoz/synapse-core/pay';
import { balance } from '@filoz/synapse-core/erc20';
import { LOCKUP_PERIOD } from '@filoz/synapse-core/utils';
import type { Synapse } from '@filoz/synapse-sdk';
import { maxUint256 } from 'viem';
import { waitForTransactionReceipt } from 'viem/actions';
import { noBalance } from './storage-errors.js';
import type { FocSigner } from './foc-client.js';

type Context = Awaited<ReturnType<Synapse['storage']['createContexts']>>[number];

/** The SDK's reckoning lags by the blocks until its transaction: some more is paid in, and stays the payer's. */
const MARGIN_WEI = 10n ** 16n;
const RECEIPT_TIMEOUT_MS = 120_000;

/**
 * Pays into the account at FilecoinPay what one more piece needs, and lets the storage service lock it. Does nothing if
 * that is so already.
 * @param sizeBytes Size of the piece
 * @throws WeighbridgeError NO_BALANCE with what is needed and what there is, in wei
 */
export async function fundStorage(
  signer: FocSigner,
  synapse: Synapse,
  context: Context,
  sizeBytes: number,
): Promise<void> {
  const { costs } = await synapse.storage.prepare({ context, dataSize: billedBytes(sizeBytes) });
  if (costs.depositNeeded > 0n) {
    const { value: balanceWei } = await balance(signer, { address: signer.account.address });
    if (balanceWei < costs.depositNeeded) {
      throw noBalance({ neededWei: costs.depositNeeded.toString(), balanceWei: balanceWei.toString() });
    }
    const padded = costs.depositNeeded + MARGIN_WEI;
    await mined(signer, await depositAndApprove(signer, { amount: padded < balanceWei ? padded : balanceWei }));
  } else if (costs.needsFwssMaxApproval) {
    const allowance = { rateAllowance: maxUint256, lockupAllowance: maxUint256, maxLockupPeriod: LOCKUP_PERIOD };
    await mined(signer, await setOperatorApproval(signer, { approve: true, ...allowance }));
  }
}

/** The service bills leaves of the tree, so 128 bytes for each 127; the SDK reckons with raw bytes and comes out short. */
function billedBytes(sizeBytes: number): bigint {
  return BigInt(Math.ceil(sizeBytes / 127) * 128);
}

async function mined(signer: FocSigner, hash: `0x${string}`): Promise<void> {
  const receipt = await waitForTransactionReceipt(signer, { hash, timeout: RECEIPT_TIMEOUT_MS });
  if (receipt.status !== 'success') throw noBalance({ transaction: hash });
}
