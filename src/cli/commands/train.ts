import { Command, Option } from 'commander';
import type { Run } from '../cli.js';
import type { TrainOptions } from '../train/train.js';
import { fileJobOptions, positiveNumber, RECIPES, recipeOptions, standardiseOption, wholeNumber } from './options.js';

/** `weighbridge train`: the buyer's door. */
export function trainCommand(run: Run): Command {
  const command = new Command('train')
    .summary('buy a training run and get the weights')
    .description(
      'Trains a model on a dataset that you never see: accepts its terms, pays into escrow, waits, and decrypts the weights. ' +
        'If the run is refused the money goes back. Interrupted, the same command goes on and pays nothing twice.',
    )
    .requiredOption('--dataset <id>', 'the dataset: its id, or the first 8 hex digits or more')
    .requiredOption('--out <file>', 'where the weights go (safetensors); model-card.md and the like go beside them')
    .option('--purpose <text>', 'what you train for, one of those that the terms allow (asked for on a terminal)')
    .optionsGroup('A model from a recipe:')
    .addOption(new Option('--recipe <name>', 'built from the columns that the seller declares').choices(RECIPES))
    .optionsGroup('Or a model of your own:')
    .option(
      '--model <file>',
      'a model file, .wbm, from its own weights on: weighbridge.export of the Python package makes it',
    );
  fileJobOptions(command).optionsGroup('Of either:');
  recipeOptions(command)
    .optionsGroup('Or the parts of a model, with everything said in the declaration:')
    .option('--declaration <file>', 'job.json')
    .option('--graph <file>', 'graph.onnx, without weights')
    .option('--weights <file>', 'the first weights, safetensors')
    .optionsGroup('Privacy:')
    .option('--epsilon <number>', "train with noise, for this much of the seller's privacy budget", positiveNumber)
    .option('--clipping-norm <number>', 'longest gradient that a row or unit may have (default: 1)', positiveNumber)
    .option(
      '--privacy-unit <column>',
      "protect all rows with one value of this column together, a patient's say (default: as the terms have it)",
    )
    .option('--unit-rows <count>', 'rows of one unit that a step takes (default: 8)', wholeNumber(1, 256))
    .addOption(
      new Option('--metric <name>', 'also buy this, measured with noise on rows that the seller holds out').choices([
        'accuracy',
        'loss',
      ]),
    )
    .option('--metric-epsilon <number>', 'what the metric may take of the privacy budget', positiveNumber)
    .option('--metric-bound <number>', "a row's loss counts as so much at most (default: 4)", positiveNumber)
    .addOption(standardiseOption())
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
  weighbridge train --dataset 0x1f3a9c02 --model model.wbm --features features.json --purpose research --out weights.safetensors
  weighbridge train --dataset 0x1f3a9c02 --recipe mlp --epsilon 3 --batch-rows 256 --purpose research --out weights.safetensors
  weighbridge train --dataset 0x1f3a9c02 --recipe mlp --epsilon 3 --metric accuracy --metric-epsilon 0.5 --out weights.safetensors
  weighbridge train --dataset 0x1f3a9c02 --recipe mlp --epsilon 3 --standardise-epsilon 0.3 --out weights.safetensors
  weighbridge train --dataset 0x1f3a9c02 --declaration job.json --graph graph.onnx --weights first.safetensors --out w.safetensors
`,
    )
    .action(async (options: TrainOptions, command: Command) =>
      run(command, async (cli) => {
        const { runTrain } = await import('../train/run-train.js');
        await runTrain(cli, options);
      }),
    );
  return command;
}
