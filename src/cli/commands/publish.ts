import { Command } from 'commander';
import type { Run } from '../cli.js';
import type { PublishOptions } from '../publish/plan.js';
import { collect, encodingOption, formatOption, heldOutShare } from './options.js';

/** `weighbridge publish`: the seller's door. */
export function publishCommand(run: Run): Command {
  return new Command('publish')
    .summary('encrypt a file here, store it, and list it for training')
    .description(
      'Encrypts a CSV, NDJSON or Parquet file, or a folder of images or texts, on this machine, stores the ciphertext and lists it for training. ' +
        'Nobody but a paid, recorded training run ever gets the data key. Interrupted, the same command goes on.',
    )
    .argument('<file>', 'CSV (first line names the columns), NDJSON, Parquet, or a folder of images or texts')
    .requiredOption('--title <text>', 'what buyers see')
    .requiredOption('--price <usdfc>', 'price of one training run, such as 5 or 0.25')
    .requiredOption('--terms <file>', 'licence terms as JSON: version, title, text, purposes, licenceDays, privacy')
    .option('--label <column>', 'the column that models learn to predict')
    .option('--columns <file>', 'what you declare public of columns, as JSON (default: <file>.columns.json beside it)')
    .option('--description <text>', 'more about the data', '')
    .option('--tag <word>', 'a word to find it by; may be repeated', collect, [])
    .option(
      '--operator <address>',
      "who may train on it; may be repeated (default: the network's operator)",
      collect,
      [],
    )
    .option('--node-fee <usdfc>', "the training node's part of the price (default: a tenth)")
    .option('--payee <address>', 'who gets your part of the price (default: you)')
    .option('--valid-days <days>', 'how long the offer stands', '365')
    .option('--new-version-of <dataset>', 'publish the next version of a dataset of yours')
    .option('--list-again', 'list a file that is listed already as another dataset, with another privacy budget')
    .addOption(formatOption())
    .addOption(encodingOption())
    .option('--shard-bytes <bytes>', 'size of a shard at most (default: what suits the file, from 8 MiB)')
    .option('--accept-personal-data', 'list columns that look like personal data; the terms will say so')
    .option(
      '--holdout <share>',
      'hold this share of the rows out of training, for buyers of a noised metric',
      heldOutShare,
    )
    .option('--keep-order', 'keep the rows in the order of the file (default: an order that tells nothing)')
    .addHelpText(
      'after',
      `
Examples:
  weighbridge publish examples/digits.csv --label digit --title "Handwritten digits" --price 5 --terms terms.json
  weighbridge publish patients.parquet --title "Biopsies" --price 12.5 --terms terms.json --columns public.json --tag health

Columns file, all of it your own declaration, nothing is computed from the rows:
  {"pixel_0_0": {"range": [0, 16]}, "digit": {"vocabulary": [0, 1, 2]}, "zip": {"type": "string"}}
`,
    )
    .action(async (file: string, options: PublishOptions, command: Command) =>
      run(command, async (cli) => {
        const { makeDoWithLittleMemory } = await import('../publish/little-memory.js');
        makeDoWithLittleMemory();
        const { runPublish } = await import('../publish/run-publish.js');
        await runPublish(cli, file, options);
      }),
    );
}
