import { keccak256, recoverAddress, stringToBytes } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { signerSetDigest } from '../../src/kernel/index.js';
import { approveChange } from './approve.js';

const account = privateKeyToAccount(`0x${'07'.repeat(32)}`);
const anchor = { chainId: 31_337, contract: `0x${'a1'.repeat(20)}` } as const;
const change = { anchor, origin: 'log.example/x', nonce: 3, signers: [account.address], quorum: 1 };

describe('the vote for another set of signers', () => {
  it('is over exactly what was read', async () => {
    const { signer, signature } = await approveChange(JSON.stringify(change), account);
    expect(signer).toBe(account.address);
    const set = { origin: keccak256(stringToBytes(change.origin)), nonce: 3n, signers: change.signers, quorum: 1 };
    expect(await recoverAddress({ hash: signerSetDigest(anchor, set), signature })).toBe(account.address);
    const next = signerSetDigest(anchor, { ...set, nonce: 4n });
    expect(await recoverAddress({ hash: next, signature })).not.toBe(account.address);
  });

  it.each([
    { ...change, nonce: -1 },
    { ...change, signers: [] },
    { ...change, quorum: 0 },
    { ...change, more: 1 },
  ])('is refused for %j', async (bad) => {
    await expect(approveChange(JSON.stringify(bad), account)).rejects.toThrow();
  });
});
