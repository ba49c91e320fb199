import { balance } from '@filoz/synapse-core/erc20';
import { accounts, depositAndApprove, isFwssMaxApproved, setOperatorApproval } from '@filoz/synapse-core/pay';
import { getDataSetLeafCount } from '@filoz/synapse-core/pdp-verifier';
import { LOCKUP_PERIOD, USDFC_SYBIL_FEE } from '@filoz/synapse-core/utils';
import { calculateEffectiveRate, getServicePrice } from '@filoz/synapse-core/warm-storage';
import { maxUint256 } from 'viem';
import { waitForTransactionReceipt } from 'viem/actions';
import type { Hex } from '../../../src/kernel/index.js';
import { EPOCHS_PER_DAY } from '../../../src/storage/index.js';
import { sendAs, type FocSigner } from './foc-client.js';
import { noBalance } from './storage-errors.js';

/** What is about to be added to one copy. */
export interface CopyGrowth {
  /** Unset: the data set is made first. */
  dataSetId: bigint | undefined;
  addedBytes: number;
}

/** Days of storage that are paid in beforehand, if the wallet has that much. */
const RUNWAY_DAYS = 90n;
/** As long as the deposit lasts for so many days more, nothing is paid in for runway. */
const ENOUGH_DAYS = 45n;
/** The reckoning lags by the blocks until the transaction: some more is paid in, and stays the payer's. */
const MARGIN_WEI = 10n ** 16n;
const LEAF_BYTES = 32n;
const RECEIPT_TIMEOUT_MS = 120_000;

/** Pays what was reckoned. Resolves once it is in a block. @throws WeighbridgeError NO_BALANCE */
export type Payment = () => Promise<void>;

/**
 * Reckons what has to be paid into the account at FilecoinPay for growing these copies, with some months of runway, and sees
 * that the wallet has it. Paying it lets the storage service lock it, and does nothing if that is so already.
 * @throws WeighbridgeError NO_BALANCE with what is needed and what there is, in wei
 */
export async function paymentFor(wallet: FocSigner, copies: CopyGrowth[]): Promise<Payment> {
  const { address } = wallet.account;
  const [account, isApproved, growth] = await Promise.all([
    accounts(wallet, { address }),
    isFwssMaxApproved(wallet, { clientAddress: address }),
    growthOf(wallet, copies),
  ]);
  const rateWei = account.lockupRate + growth.rateWei;
  const neededWei = growth.lockedWei + MARGIN_WEI;
  const missingWei = neededWei - account.availableFunds;
  const runwayWei = rateWei * EPOCHS_PER_DAY * RUNWAY_DAYS;
  const lasts = account.availableFunds >= neededWei + rateWei * EPOCHS_PER_DAY * ENOUGH_DAYS;
  if (missingWei > 0n || !lasts) {
    const { value: balanceWei } = await balance(wallet, { address });
    if (missingWei > 0n && balanceWei < missingWei) {
      throw noBalance({ neededWei: missingWei.toString(), balanceWei: balanceWei.toString() });
    }
    const wantedWei = neededWei + runwayWei - account.availableFunds;
    const amountWei = wantedWei < balanceWei ? wantedWei : balanceWei;
    if (amountWei > 0n) return async () => deposit(wallet, amountWei);
  }
  return async () => (isApproved ? undefined : approve(wallet));
}

/** Pays into the payer's account, by a permit, and lets the storage service lock it. @throws WeighbridgeError NO_BALANCE */
export async function deposit(wallet: FocSigner, amountWei: bigint): Promise<void> {
  const { value: balanceWei } = await balance(wallet, { address: wallet.account.address });
  if (balanceWei < amountWei) {
    throw noBalance({ neededWei: amountWei.toString(), balanceWei: balanceWei.toString() });
  }
  await mined(wallet, async () => depositAndApprove(wallet, { amount: amountWei }));
}

async function approve(wallet: FocSigner): Promise<void> {
  const allowance = { rateAllowance: maxUint256, lockupAllowance: maxUint256, maxLockupPeriod: LOCKUP_PERIOD };
  await mined(wallet, async () => setOperatorApproval(wallet, { approve: true, ...allowance }));
}

/** What the copies will cost more an epoch, and what is locked or spent the moment they grow. */
async function growthOf(wallet: FocSigner, copies: CopyGrowth[]): Promise<{ rateWei: bigint; lockedWei: bigint }> {
  const price = await getServicePrice(wallet);
  const rateOf = (sizeInBytes: bigint): bigint =>
    sizeInBytes === 0n
      ? 0n
      : calculateEffectiveRate({
          sizeInBytes,
          pricePerTiBPerMonth: price.pricePerTiBPerMonthNoCDN,
          minimumPricePerMonth: price.minimumPricePerMonth,
          epochsPerMonth: price.epochsPerMonth,
        }).ratePerEpoch;
  let [rateWei, lockedWei] = [0n, 0n];
  for (const { dataSetId, addedBytes } of copies) {
    const leaves = dataSetId === undefined ? 0n : await getDataSetLeafCount(wallet, { dataSetId });
    const sizeBytes = leaves * LEAF_BYTES;
    const moreWei = rateOf(sizeBytes + billedBytes(addedBytes)) - rateOf(sizeBytes);
    rateWei += moreWei;
    lockedWei += moreWei * LOCKUP_PERIOD + (dataSetId === undefined ? USDFC_SYBIL_FEE : 0n);
  }
  return { rateWei, lockedWei };
}

/** The service bills leaves of the tree, so 128 bytes for each 127; the SDK reckons with raw bytes and comes out short. */
function billedBytes(sizeBytes: number): bigint {
  return BigInt(Math.ceil(sizeBytes / 127) * 128);
}

async function mined(signer: FocSigner, send: () => Promise<Hex>): Promise<void> {
  const hash = await sendAs(signer, send);
  const receipt = await waitForTransactionReceipt(signer, { hash, timeout: RECEIPT_TIMEOUT_MS });
  if (receipt.status !== 'success') throw noBalance({ transaction: hash });
}
