import { BaseError, ContractFunctionZeroDataError, decodeErrorResult, isHex, type Hex } from 'viem';
import { isWeighbridgeError, WeighbridgeError, type ErrorCode } from '../../src/kernel/index.js';
import { logAnchorAbi } from './abi/log-anchor.js';
import { marketplaceAbi } from './abi/marketplace.js';
import { usdfcTokenAbi } from './abi/usdfc-token.js';

/** A revert can come from any contract on the way; names and arguments tell them apart. */
const ERRORS_ABI = [...marketplaceAbi, ...logAnchorAbi, ...usdfcTokenAbi].filter((item) => item.type === 'error');

interface Answer {
  code: ErrorCode;
  next: string;
  details?: Record<string, unknown>;
}

/**
 * Reverts that have a code of their own. All others are `TRANSACTION_REVERTED` with the name of the custom error, which
 * the worker answers by proving again against the checkpoint that stands.
 */
const EXACT: Readonly<Record<string, Answer>> = {
  OfferMismatch: {
    code: 'OFFER_MISMATCH',
    next: "Read the dataset again and order against the seller's current offer.",
  },
  OfferExpired: { code: 'OFFER_MISMATCH', next: 'Ask the seller to list the dataset again.' },
  OperatorNotAllowed: { code: 'OFFER_MISMATCH', next: 'Order from an operator that the offer names.' },
  KeyRevoked: { code: 'DATASET_REVOKED', next: 'Choose another dataset or version.' },
  LicenceIsRevoked: {
    code: 'DATASET_REVOKED',
    next: 'Ask the seller for a new licence.',
    details: { reason: 'licence-revoked' },
  },
  BadSplit: { code: 'BAD_PRICE', next: 'Make payees, node fee and protocol fee add up to the price.' },
  BadParties: {
    code: 'BAD_TERMS',
    next: 'Name at most 16 payees and 1 to 16 operators, none of them the zero address.',
  },
  BadDeadline: { code: 'BAD_INPUT', next: 'Choose a deadline in the future and at most 30 days away.' },
  DeadlinePassed: { code: 'DEADLINE_PASSED', next: 'The order can only be refunded now.' },
  ERC20InsufficientBalance: { code: 'NO_BALANCE', next: 'Top up the account with USDFC and try again.' },
  NothingOwed: { code: 'NO_BALANCE', next: 'There is nothing to withdraw.' },
};

/** Whatever viem throws, as ours. Keeps errors that are ours already. */
export function asChainError(error: unknown): WeighbridgeError {
  if (isWeighbridgeError(error)) return error;
  const data = revertData(error);
  if (data !== undefined) return revertError(data, error);
  if (error instanceof BaseError && error.walk((e) => e instanceof ContractFunctionZeroDataError)) {
    return new WeighbridgeError('CONFIG_INVALID', 'there is no such contract on this chain', {
      next: 'Compare the contract addresses of the network file with the deployment.',
      cause: error,
    });
  }
  if (error instanceof BaseError && isRevert(error)) return revertError('0x', error);
  return new WeighbridgeError('CHAIN_UNAVAILABLE', `the chain's node failed: ${messageOf(error)}`, {
    next: 'Check that the node at the network file’s rpcUrl is up; the call is safe to repeat.',
    retryable: true,
    cause: error,
  });
}

/** What a revert with this data means. */
export function revertError(data: Hex, cause?: unknown): WeighbridgeError {
  const { name, args } = decode(data);
  const exact = EXACT[name];
  const text = args.length === 0 ? name : `${name}(${args.map(String).join(', ')})`;
  return new WeighbridgeError(exact?.code ?? 'TRANSACTION_REVERTED', `the contract refused: ${text}`, {
    next: exact?.next ?? 'Read the state of the order and of the anchored log, then decide again.',
    details: { error: name, args: args.map(String), ...exact?.details },
    cause,
  });
}

function decode(data: Hex): { name: string; args: readonly unknown[] } {
  try {
    const { errorName, args } = decodeErrorResult({ abi: ERRORS_ABI, data });
    return { name: errorName, args: args ?? [] };
  } catch {
    return { name: data === '0x' ? 'no reason given' : `unknown error ${data.slice(0, 10)}`, args: [] };
  }
}

/** The revert data that a node sent along, wherever in the chain of causes it hangs. */
function revertData(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const carrier = error.walk((e) => typeof e === 'object' && e !== null && 'data' in e && dataOf(e.data) !== undefined);
  return carrier === null ? undefined : dataOf((carrier as unknown as { data: unknown }).data);
}

/** Some nodes wrap it once more. */
function dataOf(data: unknown): Hex | undefined {
  if (isHex(data) && data.length >= 10) return data;
  return typeof data === 'object' && data !== null && 'data' in data ? dataOf(data.data) : undefined;
}

function isRevert(error: BaseError): boolean {
  return /revert/i.test(error.details ?? '') || /revert/i.test(error.shortMessage);
}

function messageOf(error: unknown): string {
  if (error instanceof BaseError) return error.shortMessage;
  return error instanceof Error ? error.message : String(error);
}
