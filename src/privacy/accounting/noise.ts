import { WeighbridgeError } from '../../kernel/index.js';
import { epsilonOf } from './epsilon.js';
import { gaussianRdp } from './gaussian-rdp.js';

/** Noise multipliers are quoted in these steps, so that a declaration stays short and a quote is the same everywhere. */
const NOISE_GRID = 10_000;
/** What a noise multiplier may be; below, the integer grid of the noise is argued about no more (docs/privacy.md). */
export const NOISE_RANGE = { min: 0.1, max: 1_000 } as const;

/**
 * The smallest noise multiplier, in steps of 1/10,000, with which so many steps cost at most `epsilon`.
 * @throws WeighbridgeError BAD_INPUT if no noise in range does it
 */
export function noiseFor(wanted: { epsilon: number; delta: number; samplingRate: number; steps: number }): number {
  const cost = (units: number): number =>
    epsilonOf(gaussianRdp({ ...wanted, noiseMultiplier: units / NOISE_GRID }), wanted.delta);
  let [below, above] = [NOISE_RANGE.min * NOISE_GRID - 1, NOISE_RANGE.max * NOISE_GRID];
  if (cost(above) > wanted.epsilon) {
    throw new WeighbridgeError('BAD_INPUT', `epsilon ${wanted.epsilon}: no noise makes a run as private as that`, {
      next: 'Take fewer epochs or a larger epsilon.',
    });
  }
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (cost(middle) <= wanted.epsilon) above = middle;
    else below = middle;
  }
  return above / NOISE_GRID;
}
