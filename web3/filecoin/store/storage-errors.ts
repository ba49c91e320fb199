import { BaseError, HttpRequestError, TimeoutError, WaitForTransactionReceiptTimeoutError } from 'viem';
import { formatWei, isWeighbridgeError, WeighbridgeError } from '../../../src/kernel/index.js';

/** What a contract says through the SDK when the payer's money or allowance does not do. */
const NO_MONEY =
  /Insufficient(LockupFunds|LockupAllowance|RateAllowance|MaxLockupPeriod)|OperatorNotApproved|LockupExceedsFunds|UsdfcSybilFeeNotMet|InsufficientBalanceError|Insufficient balance/;

export function providerDown(what: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('PROVIDER_DOWN', what, {
    next: 'Run the same command again in a while: what has been transferred is not sent twice.',
    retryable: true,
    cause,
  });
}

/** What is missing where it was reckoned beforehand, in USDFC and by the address to send it to. */
export function shortOfBalance(address: string, neededWei: bigint, balanceWei: bigint): WeighbridgeError {
  const missing = formatWei(neededWei - balanceWei);
  return new WeighbridgeError(
    'NO_BALANCE',
    `${formatWei(neededWei)} USDFC are needed for storage, and ${address} holds ${formatWei(balanceWei)}.`,
    {
      next: `Send ${missing} USDFC or more to ${address} (and FIL for gas), then run the same command again.`,
      details: { address, neededWei: neededWei.toString(), balanceWei: balanceWei.toString() },
    },
  );
}

function noGas(cause: unknown): WeighbridgeError {
  return new WeighbridgeError('NO_BALANCE', "The account does not hold enough of the chain's own coin for gas.", {
    next: 'Send FIL (on a devnet its coin) to the account, then run the same command again: "weighbridge account show" has its address.',
    cause,
  });
}

export function noBalance(details: Record<string, unknown>, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('NO_BALANCE', 'The account does not hold the USDFC that storage needs.', {
    next: 'Send USDFC to the account (and FIL for gas), then run the same command again.',
    details,
    cause,
  });
}

export function notFree(amountWei: bigint, freeWei: bigint): WeighbridgeError {
  return new WeighbridgeError('NO_BALANCE', `Of the deposit for storage only ${formatWei(freeWei)} USDFC are free.`, {
    next: 'Take out no more than that; the rest is locked until providers have been paid for their notice period.',
    details: { amountWei: amountWei.toString(), freeWei: freeWei.toString() },
  });
}

export function digestMismatch(what: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('DIGEST_MISMATCH', what, {
    next: 'Encrypt the data again: the file was changed after its piece CID was taken.',
    cause,
  });
}

/** A provider's answer that is not the one hoped for. */
export function providerRefused(when: string, { status, text }: { status: number; text: string }): WeighbridgeError {
  const cause = new Error(text);
  if (status === 507) return providerFull(cause);
  if (text.includes(OTHER_PIECE)) return digestMismatch('The provider read another piece.', cause);
  return providerDown(`The storage provider answers ${status} when ${when}.`, cause);
}

const OTHER_PIECE = 'piece CID mismatch';

function providerFull(cause: unknown): WeighbridgeError {
  return new WeighbridgeError('DISK_FULL', 'The storage provider has no room for the piece.', {
    next: 'Ask the provider to add room, or publish to another provider; nothing was listed.',
    cause,
  });
}

function diskFull(cause: unknown): WeighbridgeError {
  return new WeighbridgeError('DISK_FULL', 'This machine has no room for the piece.', {
    next: 'Make room where temporary files go (TMPDIR), and run the same again.',
    retryable: true,
    cause,
  });
}

/**
 * Puts what the SDK, the provider or the chain threw into our codes. The SDK drops the status of a provider's answer and
 * keeps its text, so the text decides.
 */
export function asStorageError(error: unknown): unknown {
  const known = findCause(error, isWeighbridgeError);
  if (known) return known;
  if (findCause(error, isDiskFull)) return diskFull(error);
  const text = fullText(error);
  if (text.includes('507 Insufficient Storage')) return providerFull(error);
  if (NO_MONEY.test(text)) return noBalance({}, error);
  if (/insufficient funds for (gas|transfer)/i.test(text)) return noGas(error);
  if (text.includes(OTHER_PIECE)) return digestMismatch('The provider read another piece.', error);
  if (findCause(error, isReceiptTimeout)) {
    return new WeighbridgeError('TIMEOUT', 'The transaction is not on chain yet.', {
      next: 'Run the same command again: what is on chain by then is found.',
      retryable: true,
      cause: error,
    });
  }
  if (findCause(error, isRpcFault)) {
    return new WeighbridgeError('CHAIN_UNAVAILABLE', 'The chain does not answer.', {
      next: 'Check the RPC address of the network file, then run the same command again.',
      retryable: true,
      cause: error,
    });
  }
  if (findCause(error, isConnectionFault)) return providerDown('The storage provider does not answer.', error);
  return error;
}

export function isDiskFull(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function isRpcFault(error: unknown): error is Error {
  return error instanceof HttpRequestError || error instanceof TimeoutError;
}

function isReceiptTimeout(error: unknown): error is Error {
  return error instanceof WaitForTransactionReceiptTimeoutError;
}

/** iso-web's and undici's names for a connection that was refused, cut or too slow. */
function isConnectionFault(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof BaseError) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    ['NetworkError', 'TimeoutError', 'AbortError'].includes(error.name) ||
    /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|UND_ERR)/.test(code) ||
    /fetch failed|terminated|other side closed|failed health check|No endorsed provider/.test(error.message)
  );
}

function findCause<T>(error: unknown, test: (error: unknown) => error is T): T | undefined {
  for (let current = error, depth = 0; current !== undefined && depth < 10; depth++) {
    if (test(current)) return current;
    current = current instanceof Error ? current.cause : undefined;
  }
  return undefined;
}

function fullText(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current instanceof Error && depth < 10; depth++) {
    parts.push(current.name, current.message);
    current = current.cause;
  }
  return parts.join('\n');
}
