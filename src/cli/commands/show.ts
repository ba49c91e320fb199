import { Command, Option } from 'commander';
import type { ShowOptions } from '../browse/show.js';
import type { Run } from '../cli.js';

/** `weighbridge show`. */
export function showCommand(run: Run): Command {
  return new Command('show')
    .summary('show a dataset: columns, terms, price')
    .description(
      'Shows one dataset: its public schema, licence terms, price and place in the log. The answer of the marketplace is ' +
        "checked here: digests of manifest and terms, the seller's signature, and the offer that the chain holds.",
    )
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .option('--columns', 'list every column')
    .addOption(new Option('--croissant', 'print it as Croissant 1.0 JSON-LD').conflicts('dcat'))
    .option('--dcat', 'print it as DCAT 3 JSON-LD')
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge show 0x1f3a9c02\n  weighbridge show 0x1f3a9c02 --columns --json\n  weighbridge show 0x1f3a9c02 --croissant > croissant.json\n',
    )
    .action(async (id: string, options: ShowOptions, command: Command) =>
      run(command, async (cli) => {
        const { show } = await import('../browse/show.js');
        await show(cli, id, options);
      }),
    );
}
