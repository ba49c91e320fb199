import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge trust`. */
export function trustCommand(run: Run): Command {
  return new Command('trust')
    .summary('write the trust file of this network')
    .description(
      'Writes what "verify" takes for granted: chain and contracts, the log\'s key, who signs for the marketplace. Whoever gets ' +
        'a receipt needs this file from a source of their own choice.',
    )
    .requiredOption('--out <file>', 'where to write it')
    .addHelpText('after', '\nExample:\n  weighbridge trust --out trust.json\n')
    .action(async ({ out }: { out: string }, command: Command) =>
      run(command, async (cli) => {
        const { writeTrust } = await import('../verify/write-trust.js');
        await writeTrust(cli, out);
      }),
    );
}
