import type { PieceCID } from '@filoz/synapse-core/piece';
import * as SP from '@filoz/synapse-core/sp';
import { waitForTransactionReceipt } from 'viem/actions';
import { WeighbridgeError, type Hex } from '../../../src/kernel/index.js';
import { RECEIPT_TIMEOUT_MS, type FocReader, type FocSigner } from './foc-client.js';
import { providerDown } from './storage-errors.js';

const PING_MS = 5_000;
const PULL_TIMEOUT_MS = 30 * 60_000;
const PULL_POLL_MS = 150;

/** Whether a provider is there. */
export async function answers(serviceUrl: string): Promise<boolean> {
  const ping = SP.ping(serviceUrl).then(
    () => true,
    () => false,
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PING_MS);
  });
  return Promise.race([ping, late]).finally(() => clearTimeout(timer));
}

export interface PullRequest {
  serviceUrl: string;
  /** Base URL of the provider that has the pieces. */
  sourceUrl: string;
  pieceCids: PieceCID[];
  /** What the payer signed: the provider fetches nothing that it could not bring on chain afterwards. */
  extraData: Hex;
  /** Unset where the signature makes the data set too. */
  dataSetId?: bigint | undefined;
}

/**
 * Has a provider fetch pieces from another one. Nothing passes through here.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable) if it cannot
 */
export async function pull(client: FocReader | FocSigner, request: PullRequest): Promise<void> {
  const { serviceUrl, sourceUrl, pieceCids, extraData, dataSetId } = request;
  const pieces = pieceCids.map((pieceCid) => ({
    pieceCid,
    sourceUrl: new URL(`piece/${pieceCid.toString()}`, sourceUrl).href,
  }));
  // The SDK signs only where it is given no signature: any client will do.
  const options = { serviceURL: serviceUrl, pieces, extraData, ...(dataSetId === undefined ? {} : { dataSetId }) };
  const signer = client as FocSigner;
  const result = await SP.waitForPullPieces(signer, {
    ...(options as unknown as SP.waitForPullPieces.OptionsType),
    pollInterval: PULL_POLL_MS,
    timeout: PULL_TIMEOUT_MS,
  });
  if (result.status === 'complete') return;
  throw providerDown(`${serviceUrl} could not copy the pieces from ${sourceUrl}.`);
}

/** @throws WeighbridgeError TRANSACTION_REVERTED (retryable) if the transaction was mined and refused */
export async function mined(client: FocReader | FocSigner, hash: Hex): Promise<void> {
  const receipt = await waitForTransactionReceipt(client, { hash, timeout: RECEIPT_TIMEOUT_MS });
  if (receipt.status === 'success') return;
  throw new WeighbridgeError('TRANSACTION_REVERTED', 'The storage contracts refused the pieces.', {
    next: 'Run the same command again: what is on chain already is found.',
    details: { transaction: hash },
    retryable: true,
  });
}
