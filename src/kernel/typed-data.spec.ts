import { describe, expect, it } from 'vitest';
import { keyIdOf, offerDigest, orderIdOf, type Offer, type Order } from './typed-data.js';

const market = { chainId: 31415926, contract: '0x00000000000000000000000000000000000000aa' } as const;
const word = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const;
const account = (n: number) => `0x${n.toString(16).padStart(40, '0')}` as const;

const order: Order = {
  keyId: word(1),
  offer: word(2),
  buyer: account(3),
  operator: account(4),
  licence: word(5),
  jobDigest: word(6),
  epsilonMicros: 0n,
  deadline: 7n,
  salt: word(8),
};

describe('digests', () => {
  it('bind the chain and the contract, so that nothing replays elsewhere', () => {
    const here = orderIdOf(market, order);
    expect(orderIdOf({ ...market, chainId: 1 }, order)).not.toBe(here);
    expect(orderIdOf({ ...market, contract: account(0xab) }, order)).not.toBe(here);
  });

  it('change with every field of an order', () => {
    const here = orderIdOf(market, order);
    const changed: Order[] = [
      { ...order, keyId: word(9) },
      { ...order, offer: word(9) },
      { ...order, buyer: account(9) },
      { ...order, operator: account(9) },
      { ...order, licence: word(9) },
      { ...order, jobDigest: word(9) },
      { ...order, epsilonMicros: 9n },
      { ...order, deadline: 9n },
      { ...order, salt: word(9) },
    ];
    const digests = new Set(changed.map((o) => orderIdOf(market, o)));
    expect(digests.size).toBe(changed.length);
    expect(digests.has(here)).toBe(false);
  });

  it('bind the payees of an offer and their order', () => {
    const offer: Offer = {
      datasetId: word(1),
      version: 1,
      seller: account(1),
      price: 10n,
      nodeFee: 1n,
      pricePerEpsilon: 0n,
      maxEpsilonMicros: 0n,
      payees: [
        { to: account(1), amount: 5n },
        { to: account(2), amount: 4n },
      ],
      operators: [account(4)],
      termsDigest: word(2),
      manifestDigest: word(3),
      validUntil: 100n,
    };
    expect(offerDigest(market, { ...offer, payees: offer.payees.toReversed() })).not.toBe(offerDigest(market, offer));
  });

  it('give each seller its own key id for the same dataset id', () => {
    expect(keyIdOf(account(1), word(1), 1)).not.toBe(keyIdOf(account(2), word(1), 1));
    expect(keyIdOf(account(1), word(1), 1)).not.toBe(keyIdOf(account(1), word(1), 2));
  });
});
