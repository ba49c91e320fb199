import type { Cli } from '../cli.js';
import { facts } from '../ui/table.js';
import { shortId } from '../ui/text.js';
import { rotate } from './rotate.js';

/** Rotates the key of a dataset and tells the seller what came of it. */
export async function runRotate(cli: Cli, dataset: string, validDays: number): Promise<void> {
  const { ui, state, adapters } = cli;
  const [network, account, api] = await Promise.all([cli.network(), cli.account(), cli.api()]);
  const done = await rotate(dataset, validDays, { ui, network, account, state, api, adapters, now: () => new Date() });
  ui.result(done, () => [
    done.already
      ? 'This version was rotated already. To rotate once more, name the version that came of it.'
      : ui.out.green('Listed under a new key.'),
    ...facts([
      ['dataset', ui.out.bold(done.id)],
      ['version', String(done.version)],
      ['pieces', `${done.pieces}, none of them sent again`],
      ['log index', String(done.logIndex)],
    ]),
    '',
    `The version before still stands. If its key may be known: weighbridge revoke ${shortId(dataset)}`,
  ]);
}
