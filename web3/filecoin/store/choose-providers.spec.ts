import { expect, test } from 'vitest';
import { compare, type Provider } from './choose-providers.js';

const plain: Provider = {
  id: 1n,
  address: '0x0000000000000000000000000000000000000001',
  serviceUrl: 'http://127.0.0.1/',
  pricePerTibPerDayWei: 10n,
  endorsed: true,
  faults: 1,
};
const ranked = (...providers: Partial<Provider>[]): bigint[] =>
  providers
    .map((provider, i) => ({ ...plain, id: BigInt(i), ...provider }))
    .toSorted(compare)
    .map(({ id }) => id);

test.each<[string, Partial<Provider>[], bigint[]]>([
  [
    'an endorsed one comes before a cheaper one without a fault',
    [{ endorsed: false, faults: 0, pricePerTibPerDayWei: 1n }, {}],
    [1n, 0n],
  ],
  [
    'among endorsed ones, fewer faults count more than the price',
    [{ pricePerTibPerDayWei: 1n }, { faults: 0 }],
    [1n, 0n],
  ],
  [
    'with as many faults, the cheaper one',
    [{}, { pricePerTibPerDayWei: 9n }, { pricePerTibPerDayWei: 11n }],
    [1n, 0n, 2n],
  ],
  ['equals stay as they are', [{}, {}], [0n, 1n]],
])('%s', (_what, providers, order) => {
  expect(ranked(...providers)).toEqual(order);
});
