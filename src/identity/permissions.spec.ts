import { describe, expect, it } from 'vitest';
import type { Address } from '../kernel/index.js';
import { assertAllowed, isAllowed, mayAsk, PUBLIC_PERMISSIONS } from './permissions.js';

const address = (digit: string): Address => `0x${digit.repeat(40)}`;
const [buyer, seller, operator, stranger] = ['a', 'b', 'c', 'd'].map((d) => ({
  address: address(d),
  sessionDigest: '',
})) as [Viewer, Viewer, Viewer, Viewer];
type Viewer = { address: Address; sessionDigest: string };
const job = { buyer: buyer.address, seller: seller.address, operator: operator.address };

describe('permissions', () => {
  it('refuses what it does not know, to everyone', () => {
    for (const name of ['job.delete', 'constructor', 'toString', '__proto__', '']) {
      for (const viewer of [undefined, buyer]) {
        expect(isAllowed(viewer, name, job)).toBe(false);
        expect(mayAsk(viewer, name)).toBe(false);
      }
    }
    expect(mayAsk(buyer, undefined)).toBe(false);
  });

  it('opens to strangers exactly this', () => {
    expect([...PUBLIC_PERMISSIONS].sort()).toEqual([
      'dataset.read',
      'health.read',
      'network.read',
      'record.read',
      'session.open',
      'storage.read',
      'viewer.read',
    ]);
  });

  it.each([
    ['job.read', [true, true, true, false, false]],
    ['weights.read', [true, false, false, false, false]],
    ['job.submit', [true, false, false, false, false]],
    ['job.cancel', [true, false, false, false, false]],
    ['dataset.list', [false, true, false, false, false]],
    ['licence.read', [true, true, false, false, false]],
    ['consent.revoke', [false, true, false, false, false]],
    ['detail.erase', [true, false, false, false, false]],
    ['blob.read', [true, true, true, false, false]],
    ['blob.write', [true, true, true, true, false]],
    ['dataset.read', [true, true, true, true, true]],
  ])('%s: buyer, seller, operator, another, nobody: %j', (permission, expected) => {
    const viewers = [buyer, seller, operator, stranger, undefined];
    expect(viewers.map((viewer) => isAllowed(viewer, permission, job))).toEqual(expected);
  });

  it('refuses a rule about a subject when none is given', () => {
    for (const permission of ['job.read', 'weights.read', 'dataset.list', 'licence.issue', 'blob.read'] as const) {
      expect(isAllowed(buyer, permission)).toBe(false);
    }
  });

  it('compares addresses whatever their case', () => {
    const shouting = { buyer: buyer.address.toUpperCase().replace('0X', '0x') as Address };
    expect(isAllowed(buyer, 'weights.read', shouting)).toBe(true);
  });

  it('tells a stranger to sign in and another that it is not theirs', () => {
    expect(() => assertAllowed(undefined, 'job.read', job)).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    );
    expect(() => assertAllowed(stranger, 'job.read', job)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    expect(() => assertAllowed(seller, 'job.read', job)).not.toThrow();
  });
});
