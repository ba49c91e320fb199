import { Command, Option } from 'commander';
import type { Run } from '../cli.js';
import type { TrainOptions } from '../train/train.js';
import { positiveNumber, wholeNumber } from './options.js';

/** `weighbridge train`: the buyer's door. */
export function trainCommand(run: Run): Command {
  return new Command('train')
    .summary('buy a training run and get the weights')
    .description(
      'Trains a model on a dataset that you never see: accepts its terms, pays into escrow, waits, and decrypts the weights. ' +
        'If the run is refused the money goes back. Interrupted, the same command goes on and pays nothing twice.',
    )
    .requiredOption('--dataset <id>', 'the dataset: its id, or the first 8 hex digits or more')
    .requiredOption('--out <file>', 'where the weights go (safetensors)')
    .option('--purpose <text>', 'what you train for, one of those that the terms allow (asked for on a terminal)')
    .optionsGroup('A model from a recipe:')
    .addOption(new Option('--recipe <name>', 'built from the columns that the seller declares').choices(['mlp', 'cnn']))
    .option('--epochs <count>', 'passes over the rows', wholeNumber(1, 10_000))
    .option('--batch-rows <count>', 'rows in a step', wholeNumber(1, 65_536))
    .option('--learning-rate <number>', 'of the Adam optimiser', positiveNumber)
    .option('--seed <number>', 'decides first weights and row order; public', wholeNumber(0, 0xffff_ffff))
    .option('--label <column>', "what to predict (default: the dataset's own label)")
    .optionsGroup('Or a model of your own:')
    .option('--declaration <file>', 'job.json')
    .option('--graph <file>', 'graph.onnx, without weights')
    .option('--weights <file>', 'the first weights, safetensors')
    .optionsGroup('Options:')
    .option('--receipt <file>', 'where the receipt goes (default: receipt.json beside the weights)')
    .option('--save-model <dir>', 'also write the model as submitted: job.json, graph.onnx, initial.safetensors')
    .option('--deadline-minutes <count>', 'when your money goes back at the latest', wholeNumber(2, 43_200), 60)
    .option('--again', 'pay for another run of a job that is done')
    .addHelpText(
      'after',
      `
Examples:
  weighbridge train --dataset 0x1f3a9c02 --recipe mlp --epochs 20 --purpose research --out weights.safetensors
  weighbridge train --dataset 0x1f3a9c02 --declaration job.json --graph graph.onnx --weights first.safetensors --out w.safetensors
`,
    )
    .action(async (options: TrainOptions, command: Command) =>
      run(command, async (cli) => {
        const { runTrain } = await import('../train/run-train.js');
        await runTrain(cli, options);
      }),
    );
}
