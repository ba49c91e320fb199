import { Command } from 'commander';
import type { Run } from '../cli.js';
import { wholeNumber } from './options.js';

/** `weighbridge search`. */
export function searchCommand(run: Run): Command {
  return new Command('search')
    .summary('find datasets')
    .description('Finds listed datasets by words of title, description and tags; without words it lists the newest.')
    .argument('[words...]', 'what to look for')
    .option('--first <count>', 'how many', wholeNumber(1, 100), 20)
    .option('--after <cursor>', 'go on after this cursor (printed when there is more)')
    .addHelpText('after', '\nExamples:\n  weighbridge search digits\n  weighbridge search --first 5 --json\n')
    .action(async (words: string[], options: { first: number; after?: string }, command: Command) =>
      run(command, async (cli) => {
        const { search } = await import('../browse/search.js');
        await search(cli, words.join(' '), options);
      }),
    );
}
