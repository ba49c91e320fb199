import { Command } from 'commander';
import type { Run } from '../cli.js';
import type { InspectOptions } from '../publish/inspect.js';
import { encodingOption, formatOption } from './options.js';

/** `weighbridge inspect`: before `publish`. */
export function inspectCommand(run: Run): Command {
  return new Command('inspect')
    .summary('show what publish would list of a file, and what you should know of it first')
    .description(
      'Reads a file as publish does and shows what buyers would see, and for you alone: missing values, duplicates, ' +
        'constant columns, the balance of the label, and columns that may be personal data. Nothing is sent anywhere.',
    )
    .argument('<file>', 'CSV (first line names the columns), NDJSON, Parquet, or a folder of images or texts')
    .option('--label <column>', 'the column that models learn to predict')
    .option('--columns <file>', 'what you declare public of columns, as JSON (default: <file>.columns.json beside it)')
    .addOption(formatOption())
    .addOption(encodingOption())
    .addHelpText('after', '\nExamples:\n  weighbridge inspect examples/digits.csv --label digit\n')
    .action(async (file: string, options: InspectOptions, command: Command) =>
      run(command, async (cli) => {
        const { inspect } = await import('../publish/inspect.js');
        await inspect(cli, file, options);
      }),
    );
}
