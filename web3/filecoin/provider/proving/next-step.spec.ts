import { describe, expect, test } from 'vitest';
import { nextStep, type ProvingState } from './next-step.js';

const state = (changes: Partial<ProvingState>): ProvingState => ({
  epoch: 1_000n,
  leafCount: 100n,
  challengeEpoch: 1_040n,
  deadline: 1_060n,
  activation: 1_000n,
  provenThisPeriod: false,
  periodEpochs: 60n,
  windowEpochs: 20n,
  finalityEpochs: 2n,
  ...changes,
});
const NEVER = { challengeEpoch: 0n, deadline: 0n, activation: 0n };

describe('a data set', () => {
  test('without leaves waits for some', () => {
    expect(nextStep(state({ ...NEVER, leafCount: 0n }))).toEqual({ kind: 'wait', untilEpoch: 1_020n });
  });

  test('that was never proven begins, with a challenge in the middle of its first window', () => {
    expect(nextStep(state(NEVER))).toEqual({ kind: 'begin', challengeEpoch: 1_050n, lastDeadline: 0n });
  });

  test('that was empty for a while goes on with the periods it had', () => {
    const emptied = { challengeEpoch: 0n, deadline: 0n, activation: 970n };
    expect(nextStep(state(emptied))).toEqual({ kind: 'begin', challengeEpoch: 1_020n, lastDeadline: 0n });
  });

  test.each([1_000n, 1_039n, 1_040n])('waits at %i until the epoch of its challenge has passed', (epoch) => {
    expect(nextStep(state({ epoch }))).toEqual({ kind: 'wait', untilEpoch: 1_041n });
  });

  test.each([1_041n, 1_059n])('is proven at %i', (epoch) => {
    expect(nextStep(state({ epoch }))).toEqual({ kind: 'prove', challengeEpoch: 1_040n });
  });

  test('is not proven in its last epoch: the proof would come too late', () => {
    expect(nextStep(state({ epoch: 1_060n }))).toEqual({ kind: 'wait', untilEpoch: 1_061n });
  });

  test.each([
    [1_045n, true, 1_100n],
    [1_061n, false, 1_100n],
    [1_120n, false, 1_125n], // its window began at 1,100: as soon as the chain takes it
    [1_121n, false, 1_160n],
    [5_000n, false, 5_005n],
  ])('at %i, proven: %s, begins a period whose challenge is %i', (epoch, provenThisPeriod, challengeEpoch) => {
    const begin = { kind: 'begin', challengeEpoch, lastDeadline: 1_060n };
    expect(nextStep(state({ epoch, provenThisPeriod }))).toEqual(begin);
  });
});
