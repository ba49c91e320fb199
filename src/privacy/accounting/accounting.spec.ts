import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epsilonOf } from './epsilon.js';
import { addRdp, gaussianRdp, NO_LOSS, type GaussianRelease } from './gaussian-rdp.js';
import { noiseFor } from './noise.js';
import { privateRunRdp, type PrivateRelease } from './private-run-rdp.js';

interface Setting extends GaussianRelease {
  delta: number;
  /** dp-accounting at our orders, and at its own. */
  epsilon: number;
  byDefault: number;
}
const vectors = path.join(import.meta.dirname, '../../../test/vectors/privacy/epsilons.json');
const { settings, runs } = JSON.parse(readFileSync(vectors, 'utf8')) as {
  settings: Setting[];
  runs: (PrivateRelease & { delta: number; epsilon: number })[];
};

describe('epsilon', () => {
  it('is dp-accounting\u2019s in 200 settings to a millionth, and never below it', () => {
    expect(settings).toHaveLength(200);
    for (const { epsilon, delta, ...release } of settings) {
      const ours = epsilonOf(gaussianRdp(release), delta);
      expect(ours, JSON.stringify(release)).toBeGreaterThanOrEqual(epsilon);
      expect(ours, JSON.stringify(release)).toBeLessThanOrEqual(epsilon * (1 + 1e-6));
    }
  });

  it('is not below what dp-accounting says at its own orders either', () => {
    for (const { byDefault, delta, ...release } of settings) {
      expect(epsilonOf(gaussianRdp(release), delta), JSON.stringify(release)).toBeGreaterThanOrEqual(byDefault);
    }
  });

  it('of a run that buys a metric or moments beside its weights is dp-accounting\u2019s of all of it, and never below', () => {
    expect(runs.map((run) => [run.metric, run.moments].filter((one) => one !== undefined).length)).toContain(2);
    for (const { epsilon, delta, ...run } of runs) {
      const ours = epsilonOf(privateRunRdp(run), delta);
      expect(ours, JSON.stringify(run)).toBeGreaterThanOrEqual(epsilon);
      expect(ours, JSON.stringify(run)).toBeLessThanOrEqual(epsilon * (1 + 1e-6));
    }
  });

  it('of nothing is nothing', () => expect(epsilonOf(NO_LOSS, 1e-5)).toBe(0));

  it('of two jobs is that of their curves, less than the sum of both', () => {
    const jobs = settings.slice(0, 2).map((setting) => gaussianRdp(setting));
    const [first = NO_LOSS, second = NO_LOSS] = jobs;
    const both = epsilonOf(addRdp(first, second), 1e-5);
    expect(both).toBeLessThan(epsilonOf(first, 1e-5) + epsilonOf(second, 1e-5));
    expect(both).toBeGreaterThan(epsilonOf(second, 1e-5));
  });

  it('stays finite where a moment overflows a double', () => {
    const epsilon = epsilonOf(gaussianRdp({ samplingRate: 0.5, noiseMultiplier: 0.1, steps: 100_000 }), 1e-9);
    expect(epsilon).toBeGreaterThan(1e6);
    expect(Number.isFinite(epsilon)).toBe(true);
  });

  it('is nothing where noise drowns everything, and endless where there is hardly any: never no number', () => {
    const cost = (samplingRate: number, noiseMultiplier: number) =>
      epsilonOf(gaussianRdp({ samplingRate, noiseMultiplier, steps: 10 }), 1e-5);
    for (const rate of [1e-300, 0.1, 1]) {
      expect(cost(rate, 1e308), `${rate}`).toBe(0);
      expect(cost(rate, 1e-200), `${rate}`).toBe(Infinity);
    }
  });

  it('is endless where an order is not a number', () => {
    expect(
      epsilonOf(
        NO_LOSS.map(() => Number.NaN),
        1e-5,
      ),
    ).toBe(Infinity);
  });
});

describe('noise for an epsilon', () => {
  it('keeps to it, and one step less noise would not', () => {
    const wanted = fc.record({
      epsilon: fc.double({ min: 1, max: 20, noNaN: true }),
      delta: fc.constantFrom(1e-4, 1e-6, 1e-9),
      samplingRate: fc.double({ min: 1e-4, max: 1, noNaN: true }),
      steps: fc.integer({ min: 1, max: 5_000 }),
    });
    fc.assert(
      fc.property(wanted, (asked) => {
        const noise = noiseFor(asked);
        const cost = (noiseMultiplier: number) => epsilonOf(gaussianRdp({ ...asked, noiseMultiplier }), asked.delta);
        expect(cost(noise)).toBeLessThanOrEqual(asked.epsilon);
        if (noise > 0.1) expect(cost(noise - 1e-4)).toBeGreaterThan(asked.epsilon);
      }),
      { numRuns: 40 },
    );
  });

  it('is refused where none is enough', () => {
    const asked = { epsilon: 1e-6, delta: 1e-9, samplingRate: 1, steps: 1_000_000 };
    expect(() => noiseFor(asked)).toThrow(/no noise/);
  });
});
