import { epsilonOf, gaussianRdp, NOISE_RANGE, noiseFor } from '../../privacy/index.js';
import type { Cli } from '../cli.js';
import { facts } from '../ui/table.js';

export interface EpsilonOptions {
  samplingRate: number;
  noiseMultiplier: number;
  steps: number;
  delta: number;
}

export interface QuoteOptions {
  epsilon: number;
  delta: number;
  rows: number;
  batchRows: number;
  epochs: number;
}

export function epsilon({ ui }: Cli, { delta, ...release }: EpsilonOptions): void {
  const cost = epsilonOf(gaussianRdp(release), delta);
  ui.result({ epsilon: cost }, () => [`epsilon ${cost.toPrecision(7)} at delta ${delta}`]);
}

/** @throws WeighbridgeError BAD_INPUT if no noise in range is enough */
export function quote({ ui }: Cli, { rows, batchRows, epochs, ...wanted }: QuoteOptions): void {
  const run = { samplingRate: Math.min(1, batchRows / rows), steps: epochs * Math.ceil(rows / batchRows) };
  const noiseMultiplier = noiseFor({ ...wanted, ...run });
  const cost = epsilonOf(gaussianRdp({ ...run, noiseMultiplier }), wanted.delta);
  ui.result({ noiseMultiplier, ...run, epsilon: cost, delta: wanted.delta }, () => [
    ...facts([
      ['noise multiplier', ui.out.bold(String(noiseMultiplier))],
      ['sampling rate', run.samplingRate.toPrecision(6)],
      ['steps', String(run.steps)],
      ['epsilon', `${cost.toPrecision(6)} at delta ${wanted.delta}`],
    ]),
    ...(noiseMultiplier > NOISE_RANGE.min
      ? []
      : ['', 'That is the least noise that a run takes: it costs less than you asked for.']),
  ]);
}
