import { heldOutRows } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import { epsilonOf, gaussianRdp, NOISE_RANGE, noiseFor } from '../../privacy/index.js';
import { samplingOf } from '../../training/models.js';
import type { Dataset } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { modelToTry } from '../train/model-to-try.js';
import { facts } from '../ui/table.js';
import { plain, shortId } from '../ui/text.js';
import { priceLines, priceList, type PriceList } from './price-list.js';

export interface EpsilonOptions {
  samplingRate: number;
  noiseMultiplier: number;
  steps: number;
  delta: number;
}

export interface QuoteOptions {
  dataset?: string;
  epsilon?: number;
  delta?: number;
  rows?: number;
  metricEpsilon?: number;
  standardiseEpsilon?: number;
  batchRows: number;
  epochs: number;
}

/** @throws WeighbridgeError BAD_INPUT if no number is large enough */
export function epsilon({ ui }: Cli, { delta, ...release }: EpsilonOptions): void {
  const cost = epsilonOf(gaussianRdp(release), delta);
  if (!Number.isFinite(cost)) {
    throw new WeighbridgeError('BAD_INPUT', `noise multiplier ${release.noiseMultiplier}: no epsilon is large enough`, {
      next: `Take more noise: a run takes ${NOISE_RANGE.min} to ${NOISE_RANGE.max}.`,
    });
  }
  ui.result({ epsilon: cost }, () => [`epsilon ${cost.toPrecision(7)} at delta ${delta}`]);
}

/** @throws WeighbridgeError BAD_INPUT if no noise in range is enough; PRIVACY_REFUSED, DATASET_NOT_FOUND */
export async function quote(cli: Cli, options: QuoteOptions): Promise<void> {
  const { dataset, epsilon: wanted, delta, rows, batchRows, epochs, metricEpsilon, standardiseEpsilon } = options;
  if (dataset !== undefined) {
    if (delta !== undefined || rows !== undefined) throw unclear("--delta and --rows are the dataset's own");
    return quoteForDataset(cli, dataset, options);
  }
  if (wanted === undefined || delta === undefined || rows === undefined) throw unclear('it is not clear for what');
  if (metricEpsilon !== undefined) throw unclear('--metric-epsilon goes with --dataset');
  if (standardiseEpsilon !== undefined) throw unclear('--standardise-epsilon goes with --dataset');
  const run = samplingOf({ batchRows, epochs }, rows);
  const noiseMultiplier = noiseFor({ epsilon: wanted, delta, ...run });
  const cost = epsilonOf(gaussianRdp({ ...run, noiseMultiplier }), delta);
  cli.ui.result({ noiseMultiplier, ...run, epsilon: cost, delta }, () => [
    ...facts([
      ['noise multiplier', cli.ui.out.bold(String(noiseMultiplier))],
      ['sampling rate', run.samplingRate.toPrecision(6)],
      ['steps', String(run.steps)],
      ['epsilon', `${cost.toPrecision(6)} at delta ${delta}`],
    ]),
    ...(noiseMultiplier > NOISE_RANGE.min
      ? []
      : ['', 'That is the least noise that a run takes: it costs less than you asked for.']),
  ]);
}

/** With the dataset's own rows, delta and price. */
async function quoteForDataset(cli: Cli, id: string, { epsilon: wanted, ...run }: QuoteOptions): Promise<void> {
  const api = await cli.api();
  const dataset = await api.dataset(id);
  const { budget, trainingWithoutPrivacy } = dataset.terms.privacy;
  if (run.metricEpsilon !== undefined && heldOutRows(dataset.manifest.pieces) === 0) {
    throw new WeighbridgeError('MODEL_DOES_NOT_FIT', 'the seller holds no rows out: there is nothing to measure with', {
      next: 'Leave --metric-epsilon out, or choose a dataset that has such rows.',
    });
  }
  const epsilons = wanted === undefined ? undefined : [wanted];
  const list = priceList(dataset, await api.privacyBalance(dataset.id), run, epsilons);
  if (list === undefined || budget === undefined) {
    throw new WeighbridgeError('PRIVACY_REFUSED', 'the terms sell no privacy budget', {
      next: trainingWithoutPrivacy === true ? 'Train without --epsilon, or choose other data.' : 'Choose other data.',
    });
  }
  const asked = wanted === undefined ? 0 : Math.max(...list.epsilons.map(({ totalEpsilon }) => totalEpsilon));
  if (asked > budget.maxEpsilonPerJob) {
    throw new WeighbridgeError('PRIVACY_REFUSED', `a run may take epsilon ${budget.maxEpsilonPerJob}, not ${asked}`, {
      next: 'Ask for less, or leave --epsilon out to see what there is.',
    });
  }
  cli.ui.result({ dataset: dataset.id, ...list }, () => [
    `${plain(dataset.title)}: ${run.epochs} epochs of ${dataset.rowCount} rows, ${run.batchRows} in a step (${list.steps} steps)`,
    '',
    ...priceLines(list, cli.ui.out),
    ...tryNext(dataset, list, run),
  ]);
}

/** The run with the most that can still be had of what was quoted, bought with all that was quoted. */
function tryNext(
  dataset: Dataset,
  { epsilons }: PriceList,
  { batchRows, epochs, metricEpsilon, standardiseEpsilon }: Omit<QuoteOptions, 'epsilon'>,
): string[] {
  const most = epsilons.findLast(({ left }) => left);
  if (most === undefined) return [];
  const options = [
    modelToTry(dataset),
    `--epsilon ${most.epsilon} --epochs ${epochs} --batch-rows ${batchRows}`,
    ...(metricEpsilon === undefined ? [] : [`--metric accuracy --metric-epsilon ${metricEpsilon}`]),
    ...(standardiseEpsilon === undefined ? [] : [`--standardise-epsilon ${standardiseEpsilon}`]),
  ];
  return [
    '',
    `Try next: weighbridge train --dataset ${shortId(dataset.id)} ${options.join(' ')} --out weights.safetensors`,
  ];
}

function unclear(what: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `nothing can be quoted: ${what}`, {
    next: 'Give --dataset alone, with --epsilon if you like; or all of --epsilon, --delta and --rows.',
  });
}
