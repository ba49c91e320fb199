import { AddPiecesError, InsufficientBalanceError, UploadPieceError } from '@filoz/synapse-core/errors';
import { encodeErrorResult, HttpRequestError, WaitForTransactionReceiptTimeoutError } from 'viem';
import { expect, test } from 'vitest';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import { filecoinPayAbi } from '../../chain/abi/filecoin-pay.js';
import { filecoinWarmStorageServiceAbi } from '../../chain/abi/filecoin-warm-storage-service.js';
import { NO_ROOM } from '../provider/refusal.js';
import { asStorageError, noBalance, shortOfBalance } from './storage-errors.js';

const address = '0x0000000000000000000000000000000000000001';
const service = { abi: filecoinWarmStorageServiceAbi } as const;
const lockup = encodeErrorResult({ ...service, errorName: 'InsufficientLockupFunds', args: [address, 2n, 1n] });
const operator = encodeErrorResult({ ...service, errorName: 'OperatorNotApproved', args: [address, address] });
const allowance = encodeErrorResult({
  abi: filecoinPayAbi,
  errorName: 'LockupExceedsFundsInvariant',
  args: [address, address, 2n, 1n],
});
const refused = Object.assign(new TypeError('fetch failed'), {
  cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
});

test.each([
  ['a full provider', new UploadPieceError(`Failed to upload piece: ${NO_ROOM}`), 'DISK_FULL'],
  ['a full disk of this machine', Object.assign(new Error('write'), { code: 'ENOSPC' }), 'DISK_FULL'],
  ['too little locked', new AddPiecesError(`revert reason=[${lockup}]`), 'NO_BALANCE'],
  ['an operator without leave', new AddPiecesError(`revert reason=[${operator}]`), 'NO_BALANCE'],
  ['no money at FilecoinPay', new AddPiecesError(`revert reason=[${allowance}]`), 'NO_BALANCE'],
  ['no money in the wallet', new InsufficientBalanceError(1n, 2n), 'NO_BALANCE'],
  ['no gas', new Error('insufficient funds for gas * price + value'), 'NO_BALANCE'],
  ['another piece', new UploadPieceError('piece CID mismatch: the bytes are x'), 'DIGEST_MISMATCH'],
  ['a provider that is away', refused, 'PROVIDER_DOWN'],
  ['a cut connection', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), 'PROVIDER_DOWN'],
  ['no provider to choose', new Error('No endorsed provider available'), 'PROVIDER_DOWN'],
  ['a chain that is away', new HttpRequestError({ url: 'http://127.0.0.1:1', cause: refused }), 'CHAIN_UNAVAILABLE'],
  ['a slow chain', new WaitForTransactionReceiptTimeoutError({ hash: '0x00' }), 'TIMEOUT'],
])('%s', (_what, error, code) => {
  for (const thrown of [error, new Error('StorageContext store failed', { cause: error })]) {
    const mapped = asStorageError(thrown);
    expect(mapped).toBeInstanceOf(WeighbridgeError);
    expect((mapped as WeighbridgeError).code).toBe(code);
  }
});

test('who is short of money learns how much is missing, of which coin, and where to send it', () => {
  expect(shortOfBalance(address, 5n * 10n ** 17n, 10n ** 17n)).toMatchObject({
    code: 'NO_BALANCE',
    message: `0.5 USDFC are needed for storage, and ${address} holds 0.1.`,
    next: expect.stringContaining(`Send 0.4 USDFC or more to ${address}`),
  });
  expect(asStorageError(new Error('insufficient funds for gas * price + value'))).toMatchObject({
    message: expect.stringContaining('for gas'),
  });
});

test('our own errors come through, however deep, and bugs stay bugs', () => {
  const own = noBalance({ neededWei: '7' });
  expect(asStorageError(new Error('outer', { cause: own }))).toBe(own);
  const bug = new TypeError('x is not a function');
  expect(asStorageError(bug)).toBe(bug);
});
