import {
  BaseError,
  createWalletClient,
  http,
  HttpRequestError,
  keccak256,
  NonceTooLowError,
  TimeoutError,
  WaitForTransactionReceiptTimeoutError,
  type LocalAccount,
} from 'viem';
import { WeighbridgeError, type Address, type Hex } from '../../src/kernel/index.js';
import { inAccountQueue } from './account-queue.js';
import { asChainError } from './chain-errors.js';
import type { Connection } from './connection.js';

const RECEIPT_TIMEOUT_MS = 90_000;
/** Another process may spend the same account's nonce between our reading and our sending, or a request gets lost. */
const ATTEMPTS = 4;

export interface Call {
  to: Address;
  data: Hex;
}

/** Sends transactions of one account and waits until they are in a block. */
export interface Sender {
  readonly address: Address;
  /**
   * Simulates, sends, waits. It does not know whether the call was made before: callers look at the chain first.
   * @returns the hash of the transaction, which succeeded
   * @throws WeighbridgeError as `asChainError`; CHAIN_UNAVAILABLE with `details.transaction` if no receipt came in time
   */
  send(call: Call): Promise<Hex>;
}

export function createSender(connection: Connection, account: LocalAccount): Sender {
  const { client, network } = connection;
  const wallet = createWalletClient({ account, chain: client.chain, transport: http(network.rpcUrl) });
  const queue = `${network.chainId}:${account.address.toLowerCase()}`;

  const submit = async (call: Call): Promise<Hex> => {
    for (let attempt = 1; ; attempt += 1) {
      // A quarter more than the estimate: somebody else's anchor may land first and change the way through the contract.
      const gas = ((await client.estimateGas({ account, ...call })) * 5n) / 4n;
      const nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' });
      const request = await wallet.prepareTransactionRequest({ ...call, gas, nonce });
      const serializedTransaction = await wallet.signTransaction(request);
      try {
        return await client.sendRawTransaction({ serializedTransaction });
      } catch (error) {
        // The answer may be lost and the transaction not: its hash is known before it is sent.
        const hash = keccak256(serializedTransaction);
        if (await isKnown(hash)) return hash;
        if (attempt === ATTEMPTS || !(isNonceRace(error) || isLostRequest(error))) throw error;
      }
    }
  };

  const isKnown = (hash: Hex): Promise<boolean> =>
    client.getTransaction({ hash }).then(
      () => true,
      () => false,
    );

  const send = async (call: Call): Promise<Hex> => {
    await client.call({ account, ...call });
    const hash = await inAccountQueue(queue, () => submit(call));
    const receipt = await client
      .waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS })
      .catch((error: unknown) => {
        throw error instanceof WaitForTransactionReceiptTimeoutError ? lateError(hash, error) : error;
      });
    if (receipt.status === 'success') return receipt.transactionHash;
    throw await revertReason(call, receipt.transactionHash);
  };

  /** The chain keeps no reason: the same call at the state it left behind most often fails in the same way. */
  const revertReason = async (call: Call, transaction: Hex): Promise<WeighbridgeError> => {
    try {
      await client.call({ account, ...call });
    } catch (error) {
      return asChainError(error);
    }
    return new WeighbridgeError('TRANSACTION_REVERTED', `transaction ${transaction} failed`, {
      next: 'Repeat the call: by now it would succeed.',
      details: { transaction },
    });
  };

  return { address: account.address, send: (call) => connection.run(() => send(call)) };
}

function lateError(transaction: Hex, cause: unknown): WeighbridgeError {
  return new WeighbridgeError(
    'CHAIN_UNAVAILABLE',
    `transaction ${transaction} is in no block after a minute and a half`,
    {
      next: 'Repeat the call: it looks first whether the transaction got through.',
      retryable: true,
      details: { transaction },
      cause,
    },
  );
}

/** Sending again is safe: the nonce is spent once, whichever of the two the node takes. */
function isLostRequest(error: unknown): boolean {
  return (
    error instanceof BaseError && error.walk((e) => e instanceof HttpRequestError || e instanceof TimeoutError) !== null
  );
}

function isNonceRace(error: unknown): boolean {
  const lost = /nonce too low|replacement transaction underpriced|already known/i;
  return (
    error instanceof BaseError &&
    error.walk((e) => e instanceof NonceTooLowError || (e instanceof BaseError && lost.test(e.details ?? ''))) !== null
  );
}
