import { HIDDEN } from './mlp.js';
import type { Network, RecipeInput } from './network.js';
import { sequential, type Layer } from './sequential.js';

const RANK = 8;

/**
 * The mlp with its hidden layers frozen, an adapter of low rank beside each (arXiv:2106.09685), and a head that trains
 * whole. What comes back is adapters and head. The frozen weights are as random as any first weights: the recipe shows
 * the form that a buyer's own base takes.
 */
export function lora({ inputs, classes, seed }: RecipeInput): Network {
  const hidden = HIDDEN.flatMap((outputs, index): Layer[] => [
    { kind: 'lora-linear', inputs: HIDDEN[index - 1] ?? inputs, outputs, rank: RANK },
    { kind: 'relu' },
  ]);
  const head: Layer = { kind: 'linear', inputs: HIDDEN.at(-1) ?? inputs, outputs: classes };
  return sequential([inputs], [...hidden, head], classes, seed);
}
