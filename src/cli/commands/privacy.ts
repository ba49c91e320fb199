import { Command } from 'commander';
import type { Run } from '../cli.js';
import type { PrivacyAuditOptions } from '../privacy/audit.js';
import type { EpsilonOptions, QuoteOptions } from '../privacy/cost.js';
import { fraction, positiveNumber, standardiseOption, wholeNumber } from './options.js';

const MAX_STEPS = 10_000_000;

/** `weighbridge privacy`: what a run costs in privacy, and what is left. */
export function privacyCommand(run: Run): Command {
  return new Command('privacy')
    .summary('what a private run costs, and what is spent')
    .description(
      "Differential privacy in numbers: what a run costs, the noise and the price of a wanted epsilon, and whether a dataset's budget holds.",
    )
    .addHelpText(
      'after',
      `
Examples:
  weighbridge privacy epsilon --sampling-rate 0.01 --noise-multiplier 1 --steps 1000 --delta 1e-5
  weighbridge privacy quote --dataset 0x1f3a9c02 --epochs 20
  weighbridge privacy audit 0x1f3a9c02
`,
    )
    .addCommand(epsilonCommand(run))
    .addCommand(quoteCommand(run))
    .addCommand(auditCommand(run));
}

function auditCommand(run: Run): Command {
  return new Command('audit')
    .summary("a dataset's privacy balance, from the log itself")
    .description(
      "Reads the whole log, checks every entry against the signed checkpoint, computes what runs took of each shard's budget, and compares " +
        'it with what the marketplace says, order by order. Exits with 1 if they differ.',
    )
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .option('--online', 'also ask the chain whether runs that were given back could reach their key')
    .addHelpText('after', '\nExample:\n  weighbridge privacy audit 0x1f3a9c02 --trust trust.json --online --json\n')
    .action(async (dataset: string, options: PrivacyAuditOptions, command: Command) =>
      run(command, async (cli) => {
        const { auditPrivacy } = await import('../privacy/audit.js');
        await auditPrivacy(cli, dataset, options);
      }),
    );
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
    .summary('noise and price of a wanted epsilon')
    .description(
      'The least noise with which a run costs no more than a wanted epsilon; of a dataset also the price, and whether so much is left.',
    )
    .option('--dataset <id>', 'rows, delta and prices of this dataset')
    .option('--epsilon <number>', 'the epsilon that the run may cost (of a dataset: default several)', positiveNumber)
    .option('--delta <number>', 'chance that the bound does not hold', fraction)
    .option('--metric-epsilon <number>', 'what a metric may cost that is bought beside the weights', positiveNumber)
    .addOption(standardiseOption())
    .option('--rows <count>', 'rows of the dataset', wholeNumber(1, 1e12))
    .option('--batch-rows <count>', 'rows in a step, on average', wholeNumber(1, 65_536), 32)
    .option('--epochs <count>', 'passes over the rows, on average', wholeNumber(1, 10_000), 10)
    .addHelpText(
      'after',
      `
Examples:
  weighbridge privacy quote --dataset 0x1f3a9c02 --epochs 20 --batch-rows 256
  weighbridge privacy quote --epsilon 3 --delta 1e-5 --rows 10000 --batch-rows 256 --epochs 20
`,
    )
    .action(async (options: QuoteOptions, command: Command) =>
      run(command, async (cli) => {
        const { quote } = await import('../privacy/cost.js');
        await quote(cli, options);
      }),
    );
}
