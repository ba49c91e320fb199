import { Command } from 'commander';
import type { Run } from '../cli.js';
import { wholeNumber } from './options.js';

/** `weighbridge jobs`. */
export function jobsCommand(run: Run): Command {
  return new Command('jobs')
    .summary('list your training jobs')
    .description('Lists the training jobs that you are a party of, as buyer, seller or operator; newest first.')
    .option('--first <count>', 'how many', wholeNumber(1, 100), 20)
    .option('--after <cursor>', 'go on after this cursor (printed when there is more)')
    .addHelpText('after', '\nExample:\n  weighbridge jobs --key-file key.txt\n')
    .action(async (options: { first: number; after?: string }, command: Command) =>
      run(command, async (cli) => {
        const { listJobs } = await import('../train/list-jobs.js');
        await listJobs(cli, options);
      }),
    );
}
