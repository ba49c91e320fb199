import type { Network, RecipeInput } from './network.js';
import { sequential, type Layer } from './sequential.js';

/** Widths of the hidden layers. */
export const HIDDEN = [64, 32];

/** Two hidden layers for tables: the widest one that small data does not drown in. */
export function mlp({ inputs, classes, seed }: RecipeInput): Network {
  const widths = [inputs, ...HIDDEN, classes];
  const layers = widths.slice(1).flatMap((outputs, index): Layer[] => {
    const linear: Layer = { kind: 'linear', inputs: widths[index] ?? inputs, outputs };
    return index === HIDDEN.length ? [linear] : [linear, { kind: 'relu' }];
  });
  return sequential([inputs], layers, classes, seed);
}
