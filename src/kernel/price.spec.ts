import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountOf, epsilonMicrosOf, mostOf, protocolFeeWei, splitOf } from './price.js';
import type { Offer } from './typed-data.js';

const account = (n: number) => `0x${n.toString(16).padStart(40, '0')}` as const;
const [seller, operator, treasury] = [account(1), account(2), account(3)];
const FEE_BPS = 250;

/** As the contract's tests have it: 1000, 200 an epsilon, at most 3. */
function offerWith(price: bigint, pricePerEpsilon: bigint, maxEpsilonMicros: bigint): Offer {
  const word = `0x${'1'.repeat(64)}` as const;
  const amount = price - protocolFeeWei(price, FEE_BPS);
  return {
    ...{ datasetId: word, version: 1, seller, price, nodeFee: 0n, pricePerEpsilon, maxEpsilonMicros },
    payees: amount === 0n ? [] : [{ to: account(4), amount }],
    ...{ operators: [operator], termsDigest: word, manifestDigest: word, validUntil: 1n },
  };
}
const offer = offerWith(1000n, 200n, 3_000_000n);

describe('the price of a run', () => {
  it.each([
    [2_000_000n, 1400n],
    [1n, 1001n],
    [3_000_000n, 1600n],
    [0n, 1600n],
  ])('with %s millionths of an epsilon is %s', (epsilonMicros, amount) => {
    expect(amountOf(offer, epsilonMicros)).toBe(amount);
  });

  it('takes an epsilon up to the next millionth', () => {
    expect([epsilonMicrosOf(1), epsilonMicrosOf(0.000_000_1), epsilonMicrosOf(2.000_000_1)]).toEqual([
      1_000_000n,
      1n,
      2_000_001n,
    ]);
  });

  it('must fit an amount of the contract at its highest', () => {
    expect(mostOf(offer)).toEqual({ amountWei: 1600n, fits: true });
    expect(mostOf(offerWith(1000n, 1n << 127n, 3_000_000n)).fits).toBe(false);
  });
});

describe('the split of a run', () => {
  it('gives the seller what privacy costs, less the protocol\u2019s part of it', () => {
    const split = splitOf(offer, { operator, epsilonMicros: 2_000_000n }, treasury, FEE_BPS);
    expect(split.slice(1)).toEqual([
      { to: seller, amount: 390n },
      { to: treasury, amount: 35n },
    ]);
  });

  it('is the whole amount, whatever the prices', () => {
    const amounts = fc.bigInt({ min: 0n, max: 1n << 80n });
    fc.assert(
      fc.property(amounts, amounts, fc.bigInt({ min: 0n, max: 10n ** 8n }), (price, perEpsilon, most) => {
        const offered = offerWith(price, perEpsilon, most);
        for (const epsilonMicros of [0n, most / 3n, most]) {
          const split = splitOf(offered, { operator, epsilonMicros }, treasury, FEE_BPS);
          expect(split.every((share) => share.amount > 0n)).toBe(true);
          expect(split.reduce((sum, share) => sum + share.amount, 0n)).toBe(amountOf(offered, epsilonMicros));
        }
      }),
    );
  });
});
