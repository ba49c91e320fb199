import { setTimeout as sleep } from 'node:timers/promises';
import { balance } from '@filoz/synapse-core/erc20';
import { accounts, depositAndApprove, isFwssMaxApproved, setOperatorApproval, withdraw } from '@filoz/synapse-core/pay';
import { getDataSetLeafCount } from '@filoz/synapse-core/pdp-verifier';
import { LOCKUP_PERIOD, USDFC_SYBIL_FEE } from '@filoz/synapse-core/utils';
import { calculateEffectiveRate, getServicePrice } from '@filoz/synapse-core/warm-storage';
import { BaseError, ContractFunctionRevertedError, ExecutionRevertedError, maxUint256 } from 'viem';
import { readContract, waitForTransactionReceipt } from 'viem/actions';
import { isWeighbridgeError, WeighbridgeError, type Hex } from '../../../src/kernel/index.js';
import { EPOCHS_PER_DAY } from '../../../src/storage/index.js';
import { RECEIPT_TIMEOUT_MS, sendAs, type FocSigner } from './foc-client.js';
import { noBalance, notFree, shortOfBalance } from './storage-errors.js';

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
/** Permits that are signed for one deposit at most. */
const MAX_DEPOSITS = 4;

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
      throw shortOfBalance(address, missingWei, balanceWei);
    }
    const wantedWei = neededWei + runwayWei - account.availableFunds;
    const amountWei = wantedWei < balanceWei ? wantedWei : balanceWei;
    if (amountWei > 0n) return async () => deposit(wallet, amountWei);
  }
  return async () => (isApproved ? undefined : approve(wallet));
}

/**
 * Pays into the payer's account, by a permit, and lets the storage service lock it. The token takes each number of a permit once: of two
 * commands of one wallet that pay at the same moment the second is refused, and signs with the next number.
 * @throws WeighbridgeError NO_BALANCE; TRANSACTION_REVERTED (retryable) if another command was faster each time
 */
export async function deposit(wallet: FocSigner, amountWei: bigint): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { value: balanceWei } = await balance(wallet, { address: wallet.account.address });
    if (balanceWei < amountWei) throw shortOfBalance(wallet.account.address, amountWei, balanceWei);
    const number = await permitNumber(wallet, 'latest');
    try {
      await mined(wallet, async () => depositAndApprove(wallet, { amount: amountWei }));
      return;
    } catch (error) {
      // A payment that may have been made is not made again; one that was refused for another reason would be refused again.
      if (!isRefusal(error) || !(await isTaken(wallet, number))) throw error;
      if (attempt === MAX_DEPOSITS) throw outrun(error);
    }
  }
}

/**
 * Pays out of the payer's account to its wallet. What is locked for the rails' notice period stays: providers rely on it.
 * @throws WeighbridgeError NO_BALANCE with what is free, in wei
 */
export async function payOut(wallet: FocSigner, amountWei: bigint): Promise<void> {
  const { availableFunds } = await accounts(wallet, { address: wallet.account.address });
  if (availableFunds < amountWei) throw notFree(amountWei, availableFunds);
  await mined(wallet, async () => withdraw(wallet, { amount: amountWei }));
}

/** The number of the wallet's next permit. */
async function permitNumber(wallet: FocSigner, blockTag: 'latest' | 'pending'): Promise<bigint> {
  const { address, abi } = wallet.chain.contracts.usdfc;
  return readContract(wallet, { address, abi, functionName: 'nonces', args: [wallet.account.address], blockTag });
}

/** Whether another payment took the number. Returns once that one is in a block: until then the next number is refused too. */
async function isTaken(wallet: FocSigner, number: bigint): Promise<boolean> {
  if ((await permitNumber(wallet, 'pending')) === number) return false;
  for (const endMs = Date.now() + RECEIPT_TIMEOUT_MS; Date.now() < endMs; await sleep(wallet.pollingInterval)) {
    if ((await permitNumber(wallet, 'latest')) !== number) return true;
  }
  return false;
}

/** Whether the contract said no, before the transaction was sent or in its block. */
function isRefusal(error: unknown): boolean {
  if (isWeighbridgeError(error)) return error.code === 'NO_BALANCE' && error.details['transaction'] !== undefined;
  const reverted = (cause: unknown): boolean =>
    cause instanceof ContractFunctionRevertedError || cause instanceof ExecutionRevertedError;
  return error instanceof BaseError && error.walk(reverted) !== null;
}

function outrun(cause: unknown): WeighbridgeError {
  return new WeighbridgeError('TRANSACTION_REVERTED', 'Other commands of this account paid in at the same moment.', {
    next: 'Wait until they have ended, then run the same command again: nothing is paid twice.',
    retryable: true,
    cause,
  });
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
