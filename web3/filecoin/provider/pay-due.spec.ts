import { expect, test } from 'vitest';
import { payDue, type RailState } from './pay-due.js';

const live: RailState = { railId: 1n, settledUpTo: 100n, endEpoch: 0n, paymentRate: 5n, periodEpochs: 30n };

test.each<[string, Partial<RailState>, bigint, bigint | undefined]>([
  ['within a period nothing is due', {}, 129n, undefined],
  ['after a period its pay is', {}, 130n, 130n],
  ['after many, all of them', {}, 1_000n, 1_000n],
  ['of a data set without pieces nothing is', { paymentRate: 0n }, 1_000n, undefined],
  ['a rail that was ended goes on until its end', { endEpoch: 500n }, 135n, 135n],
  ['and its rest is due at its end, however short', { endEpoch: 110n }, 110n, 110n],
  ['and no epoch after it', { endEpoch: 110n, paymentRate: 0n }, 400n, 110n],
])('%s', (_what, change, epoch, untilEpoch) => {
  expect(payDue({ ...live, ...change }, epoch)).toBe(untilEpoch);
});
