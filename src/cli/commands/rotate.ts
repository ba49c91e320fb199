import { Command } from 'commander';
import type { Run } from '../cli.js';
import { wholeNumber } from './options.js';

/** `weighbridge rotate`: a new key for what is stored. */
export function rotateCommand(run: Run): Command {
  return new Command('rotate')
    .summary('list a dataset under a new key, without sending its pieces again')
    .description(
      'Lists the next version of a dataset of yours: the same pieces, their keys wrapped under a new version key. Price, terms and ' +
        'payees stay. It does not help against a key that leaked, which opens the same pieces: revoke the version, and publish the ' +
        'file again. Interrupted, the same command goes on.',
    )
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .option('--valid-days <days>', 'how long the new offer stands', wholeNumber(1, 3_650), 365)
    .addHelpText('after', '\nExamples:\n  weighbridge rotate 0x1f3a9c02 --key-file .weighbridge/keys/seller\n')
    .action(async (dataset: string, options: { validDays: number }, command: Command) =>
      run(command, async (cli) => {
        const { runRotate } = await import('../rotate/run-rotate.js');
        await runRotate(cli, dataset, options.validDays);
      }),
    );
}
