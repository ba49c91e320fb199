import { Command } from 'commander';
import type { Run } from '../cli.js';
import type { EpsilonOptions, QuoteOptions } from '../privacy/cost.js';
import { fraction, positiveNumber, wholeNumber } from './options.js';

const MAX_STEPS = 10_000_000;

/** `weighbridge privacy`: what a run costs in privacy. */
export function privacyCommand(run: Run): Command {
  return new Command('privacy')
    .summary('what a private run costs')
    .description('Differential privacy in numbers: what a run costs, and the noise that a wanted epsilon takes.')
    .addHelpText(
      'after',
      `
Examples:
  weighbridge privacy epsilon --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --delta 1e-5
  weighbridge privacy quote --epsilon 3 --delta 1e-5 --rows 10000 --batch-rows 256 --epochs 20
`,
    )
    .addCommand(epsilonCommand(run))
    .addCommand(quoteCommand(run));
}

function epsilonCommand(run: Run): Command {
  return new Command('epsilon')
    .summary('the epsilon of a run')
    .description(
      'The epsilon of DP-SGD: Poisson-sampled Gaussian noise, rows added or removed, Rényi accounting at integer orders.',
    )
    .requiredOption('--sampling-rate <number>', 'chance of a row to be in a step', fraction)
    .requiredOption(
      '--noise-multiplier <number>',
      'standard deviation of the noise over the clipping norm',
      positiveNumber,
    )
    .requiredOption('--steps <count>', 'steps of the run', wholeNumber(1, MAX_STEPS))
    .requiredOption('--delta <number>', 'chance that the bound does not hold', fraction)
    .addHelpText(
      'after',
      '\nExample:\n  weighbridge privacy epsilon --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --delta 1e-5 --json\n',
    )
    .action(async (options: EpsilonOptions, command: Command) =>
      run(command, async (cli) => {
        const { epsilon } = await import('../privacy/cost.js');
        epsilon(cli, options);
      }),
    );
}

function quoteCommand(run: Run): Command {
  return new Command('quote')
    .summary('the noise that a wanted epsilon takes')
    .description('The least noise with which a run costs no more than a wanted epsilon.')
    .requiredOption('--epsilon <number>', 'the epsilon that the run may cost', positiveNumber)
    .requiredOption('--delta <number>', 'chance that the bound does not hold', fraction)
    .requiredOption('--rows <count>', 'rows of the dataset', wholeNumber(1, 1e12))
    .requiredOption('--batch-rows <count>', 'rows in a step, on average', wholeNumber(1, 65_536))
    .requiredOption('--epochs <count>', 'passes over the rows, on average', wholeNumber(1, 10_000))
    .addHelpText(
      'after',
      '\nExample:\n  weighbridge privacy quote --epsilon 3 --delta 1e-5 --rows 10000 --batch-rows 256 --epochs 20\n',
    )
    .action(async (options: QuoteOptions, command: Command) =>
      run(command, async (cli) => {
        const { quote } = await import('../privacy/cost.js');
        quote(cli, options);
      }),
    );
}
