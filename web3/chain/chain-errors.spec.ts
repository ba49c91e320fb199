import { encodeErrorResult, type Hex } from 'viem';
import { describe, expect, it } from 'vitest';
import { WeighbridgeError } from '../../src/kernel/index.js';
import { logAnchorAbi } from './abi/log-anchor.js';
import { marketplaceAbi } from './abi/marketplace.js';
import { usdfcTokenAbi } from './abi/usdfc-token.js';
import { asChainError, revertError } from './chain-errors.js';

const word = `0x${'11'.repeat(32)}` as const;
const account = `0x${'22'.repeat(20)}` as const;

describe('revertError', () => {
  it.each<[string, Hex]>([
    ['OFFER_MISMATCH', encodeErrorResult({ abi: marketplaceAbi, errorName: 'OfferMismatch', args: [word] })],
    ['OFFER_MISMATCH', encodeErrorResult({ abi: marketplaceAbi, errorName: 'OperatorNotAllowed', args: [account] })],
    ['DATASET_REVOKED', encodeErrorResult({ abi: marketplaceAbi, errorName: 'KeyRevoked', args: [word] })],
    ['DEADLINE_PASSED', encodeErrorResult({ abi: marketplaceAbi, errorName: 'DeadlinePassed', args: [5n] })],
    ['BAD_PRICE', encodeErrorResult({ abi: marketplaceAbi, errorName: 'BadSplit', args: [1n, 2n] })],
    [
      'NO_BALANCE',
      encodeErrorResult({ abi: usdfcTokenAbi, errorName: 'ERC20InsufficientBalance', args: [account, 1n, 2n] }),
    ],
    ['TRANSACTION_REVERTED', encodeErrorResult({ abi: logAnchorAbi, errorName: 'Fork', args: [1n, 2n] })],
  ])('gives %s', (code, data) => {
    const error = revertError(data);
    expect(error.code).toBe(code);
    expect(error.next).toMatch(/\.$/);
    expect(error.retryable).toBe(false);
  });

  it('names the custom error and its arguments, whichever contract it is of', () => {
    const error = revertError(encodeErrorResult({ abi: logAnchorAbi, errorName: 'NotNewer', args: [700n, 900n] }));
    expect(error.message).toContain('NotNewer(700, 900)');
    expect(error.details).toMatchObject({ error: 'NotNewer', args: ['700', '900'] });
  });

  it('tells the worker that it was the licence, not the dataset', () => {
    const data = encodeErrorResult({ abi: marketplaceAbi, errorName: 'LicenceIsRevoked', args: [word] });
    expect(revertError(data).details).toMatchObject({ reason: 'licence-revoked' });
  });

  it('says so when there is no reason, or none that it knows', () => {
    expect(revertError('0x').message).toContain('no reason given');
    expect(revertError('0xdeadbeef').message).toContain('unknown error 0xdeadbeef');
  });
});

describe('asChainError', () => {
  it('keeps our own errors', () => {
    const own = new WeighbridgeError('NO_BALANCE', 'none', { next: 'Top up.' });
    expect(asChainError(own)).toBe(own);
  });

  it('makes anything unknown a retryable failure of the node', () => {
    expect(asChainError(new Error('socket hang up'))).toMatchObject({ code: 'CHAIN_UNAVAILABLE', retryable: true });
  });
});
