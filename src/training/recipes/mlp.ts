import type { Layer } from './sequential.js';

const HIDDEN = [64, 32];

/** Two hidden layers for tables: the widest one that small data does not drown in. */
export function mlp(inputs: number, classes: number): { inputShape: number[]; layers: Layer[] } {
  const widths = [inputs, ...HIDDEN, classes];
  const layers = widths.slice(1).flatMap((outputs, index): Layer[] => {
    const linear: Layer = { kind: 'linear', inputs: widths[index] ?? inputs, outputs };
    return index === HIDDEN.length ? [linear] : [linear, { kind: 'relu' }];
  });
  return { inputShape: [inputs], layers };
}
