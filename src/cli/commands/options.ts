import { InvalidArgumentError, Option, type Command } from 'commander';
import type { RecipeName } from '../../training/models.js';
import type { Format } from '../publish/read.js';

/** For options that may be given more than once. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** A whole number within limits. @throws InvalidArgumentError, which commander prints with the option's name */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Give a number above zero.');
}

/** A number above zero and at most one. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Give a number above 0, at most 1.');
}

/** The share of a seller's rows that no run trains on, as the terms take it. */
export function heldOutShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.01 && value <= 0.5) return value;
  throw new InvalidArgumentError('Give a number from 0.01 to 0.5.');
}

/** Named here again: help must not load the recipes. */
export const RECIPES = Object.keys({ mlp: 0, cnn: 0, transformer: 0, lora: 0 } satisfies Record<RecipeName, 0>);

/** Named here again: help must not load DuckDB. */
const FORMATS = Object.keys({ csv: 0, ndjson: 0, parquet: 0, images: 0, texts: 0 } satisfies Record<Format, 0>);

/** How a seller's file is read. */
export function formatOption(): Option {
  return new Option('--format <format>', 'if the name does not tell it').choices(FORMATS);
}

export function encodingOption(): Option {
  return new Option(
    '--encoding <name>',
    'of a CSV file, such as latin1 or utf-16le (default: UTF-8, or what it begins with)',
  );
}

const LOSSES = ['cross-entropy', 'bce', 'mse', 'huber', 'next-token'];

/** What may be said of a job with a recipe's model or a model file. */
export function recipeOptions(command: Command): Command {
  return command
    .option('--label <column>', "what to predict (default: the dataset's own label)")
    .option('--epochs <count>', 'passes over the rows', wholeNumber(1, 10_000))
    .option('--batch-rows <count>', 'rows in a step', wholeNumber(1, 65_536))
    .option('--learning-rate <number>', 'of the optimiser', positiveNumber)
    .option('--seed <number>', 'decides row order, and first weights of a recipe; public', wholeNumber(0, 0xffff_ffff));
}

/** What a mean and a deviation of columns may cost beside the rest of a private run. */
export function standardiseOption(): Option {
  return new Option(
    '--standardise-epsilon <number>',
    'fit mean and deviation of the scaled columns on the rows, with noise, for this much of the privacy budget',
  ).argParser(positiveNumber);
}

/** What may be said of a job with a model file alone. */
export function fileJobOptions(command: Command): Command {
  return command
    .option('--features <file>', 'JSON: columns in the order that fills the input (default: all that are declared)')
    .option(
      '--tokenizer <file>',
      'tokenizer.json that text features name by its file name; may be repeated',
      collect,
      [],
    )
    .addOption(new Option('--loss <name>', 'what is minimised (default: cross-entropy)').choices(LOSSES))
    .addOption(new Option('--optimiser <name>', 'default: adam').choices(['sgd', 'adam', 'adamw']))
    .addOption(new Option('--return <which>', 'tensors that come back').choices(['trainable', 'all']));
}
