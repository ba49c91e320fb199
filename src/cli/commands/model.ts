import { Argument, Command } from 'commander';
import type { Run } from '../cli.js';
import type { CheckOptions } from '../model/check-model.js';
import type { RecipeFileOptions } from '../model/recipe-file.js';
import { fileJobOptions, RECIPES, recipeOptions, standardiseOption } from './options.js';

/** `weighbridge model`: model files, before any payment. */
export function modelCommand(run: Run): Command {
  const model = new Command('model')
    .summary('make and check model files')
    .description(
      'Model files (.wbm): a graph, its first weights and how to train them. Costs nothing and needs no key.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge model check model.wbm --dataset 0x1f3a9c02\n' +
        '  weighbridge model recipe mlp --dataset 0x1f3a9c02 --out model.wbm\n',
    );
  model.addCommand(checkCommand(run)).addCommand(recipeCommand(run));
  return model;
}

function checkCommand(run: Run): Command {
  const command = new Command('check')
    .summary('say before any payment whether a model would be admitted')
    .description(
      'Says whether a model file would be admitted for a dataset, and if not with which code; its operators, parameters, ' +
        'memory and cost of a step; and what a run costs. Exit code 1 if it would be refused.',
    )
    .argument('<file>', 'model file, .wbm')
    .requiredOption('--dataset <id>', 'the dataset: its id, or the first 8 hex digits or more');
  return recipeOptions(fileJobOptions(command))
    .addOption(standardiseOption())
    .action(async (file: string, options: CheckOptions, self: Command) =>
      run(self, async (cli) => {
        const { runCheckModel } = await import('../model/check-model.js');
        await runCheckModel(cli, file, options);
      }),
    );
}

function recipeCommand(run: Run): Command {
  const command = new Command('recipe')
    .summary('make a model file from a recipe')
    .description(
      "Makes a model file from a recipe and a dataset's public schema, to look at, to check, or to train. The recipes: mlp; " +
        'cnn, for square images; transformer, with attention between columns; lora, an mlp of random frozen layers with ' +
        'adapters that train (to fine-tune weights of your own, export your model from Python).',
    )
    .addArgument(new Argument('<name>', 'the recipe').choices(RECIPES))
    .requiredOption('--dataset <id>', 'the dataset: its id, or the first 8 hex digits or more')
    .requiredOption('--out <file>', 'where the model file goes (.wbm)');
  return recipeOptions(command).action(
    async (name: RecipeFileOptions['recipe'], options: Omit<RecipeFileOptions, 'recipe'>, self: Command) =>
      run(self, async (cli) => {
        const { writeRecipeFile } = await import('../model/recipe-file.js');
        await writeRecipeFile(cli, { ...options, recipe: name });
      }),
  );
}
