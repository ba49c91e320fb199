import type { Cli } from '../cli.js';
import { bytes, shortId } from '../ui/text.js';
import { facts } from '../ui/table.js';
import type { PublishOptions } from './plan.js';
import { publish } from './publish.js';

/** Publishes and tells the seller what came of it. */
export async function runPublish(cli: Cli, file: string, options: PublishOptions): Promise<void> {
  const { ui, state, adapters } = cli;
  const [network, account, api] = await Promise.all([cli.network(), cli.account(), cli.api()]);
  const done = await publish(file, options, { ui, network, account, state, api, adapters, now: () => new Date() });
  ui.result(done, () => {
    const stored = done.pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0);
    return [
      done.already ? 'This file is listed already, with these very options.' : ui.out.green('Listed.'),
      ...facts([
        ['dataset', ui.out.bold(done.id)],
        ['version', String(done.version)],
        ['rows', String(done.rowCount)],
        [
          'stored',
          `${bytes(stored)} of ciphertext in ${done.pieces.length} piece${done.pieces.length === 1 ? '' : 's'}`,
        ],
        ['log index', String(done.logIndex)],
        ['offer', done.transaction === null ? 'registered' : `transaction ${done.transaction}`],
      ]),
      '',
      `Try next: weighbridge show ${shortId(done.id)}`,
    ];
  });
}
