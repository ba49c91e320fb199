import path from 'node:path';
import type { Cli } from '../cli.js';
import { formatWei } from '../../kernel/index.js';
import { facts } from '../ui/table.js';
import type { Ui } from '../ui/ui.js';
import type { Collected } from './collect.js';
import type { TrainDeps } from './deps.js';
import { train, type TrainOptions } from './train.js';

/** Trains and tells the buyer what came of it. */
export async function runTrain(cli: Cli, options: TrainOptions): Promise<void> {
  const collected = await train(options, await trainDeps(cli));
  printCollected(cli.ui, collected);
}

export async function trainDeps(cli: Cli): Promise<TrainDeps> {
  const [network, account, api] = await Promise.all([cli.network(), cli.account(), cli.api()]);
  const chain = await cli.adapters.buyerChain(network, account);
  const { ui, state, pseudonym } = cli;
  return { ui, network, account, pseudonym, state, api, chain, now: () => new Date() };
}

function metricFact(metric: Collected['metric']): [string, string][] {
  if (metric === null) return [];
  const { name, value, deviation, rows } = metric;
  return [[name, `${value} over ${rows} rows held out; noise of ${deviation} (one standard deviation) is in it`]];
}

export function printCollected(ui: Ui, collected: Collected): void {
  ui.result(collected, () => [
    ui.out.green('Trained.'),
    ...facts([
      ['weights', `${ui.out.bold(collected.weights)} (SHA-256 ${collected.weightsDigest})`],
      ['receipt', collected.receipt],
      ...metricFact(collected.metric),
      ...(collected.modelFiles.length === 0
        ? []
        : ([['beside them', collected.modelFiles.map((file) => path.basename(file)).join(', ')]] as [
            string,
            string,
          ][])),
      ['job', collected.orderId],
      ['paid', `${formatWei(collected.paidWei)} USDFC`],
    ]),
    '',
    `Try next: weighbridge verify ${collected.receipt} --weights ${collected.weights}`,
  ]);
}
