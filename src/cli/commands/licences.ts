import { Command } from 'commander';
import type { Run } from '../cli.js';
import { wholeNumber } from './options.js';

/** `weighbridge licences`: what this account agreed to. */
export function licencesCommand(run: Run): Command {
  return new Command('licences')
    .summary('your licences, and what you said that they are for')
    .description('Lists your licences, newest first. A purpose that was erased reads "erased".')
    .option('--limit <n>', 'how many to show', wholeNumber(1, 100), 20)
    .addHelpText('after', '\nExamples:\n  weighbridge licences\n')
    .action(async (options: { limit: number }, command: Command) =>
      run(command, async (cli) => {
        const { listLicences } = await import('../licences/licences.js');
        await listLicences(cli, options);
      }),
    );
}

/** `weighbridge erase`: the buyer's personal detail, for good. */
export function eraseCommand(run: Run): Command {
  return new Command('erase')
    .summary('erase what you stated under one of your licences')
    .description(
      'Erases the purpose that you stated, and the salt that ties it to the log, at the marketplace. The log and all receipts ' +
        'still verify. There is no way back.',
    )
    .argument('<licence>', 'its whole id, as "weighbridge licences" prints it')
    .addHelpText('after', `\nExamples:\n  weighbridge erase 0x${'5e'.repeat(32)}\n`)
    .action(async (licence: string, _options: object, command: Command) =>
      run(command, async (cli) => {
        const { eraseDetail } = await import('../licences/licences.js');
        await eraseDetail(cli, licence);
      }),
    );
}
