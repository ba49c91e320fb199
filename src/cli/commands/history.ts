import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge lineage`: what a model came of, what came of it, and what came of a dataset. */
export function lineageCommand(run: Run): Command {
  return new Command('lineage')
    .summary('every record behind a model, and every model of a model or dataset')
    .description(
      'From the digest of weights: the run that made them, the run behind each model before them, and every model trained from ' +
        'them, however deep. From a dataset: the models trained on it, and those trained from these. Every record is checked ' +
        'against the log before it is shown. Exits with 1 if one fails.',
    )
    .argument(
      '<weights|dataset>',
      'SHA-256 of the weights file (64 hex digits), or a dataset id (0x and 8 digits or more)',
    )
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .addHelpText(
      'after',
      `\nExamples:\n  weighbridge lineage $(sha256sum weights.safetensors | cut -d' ' -f1)\n  weighbridge lineage 0x1f3a9c02\n`,
    )
    .action(async (subject: string, options: { trust?: string }, command: Command) =>
      run(command, async (cli) => {
        const { lineage } = await import('../history/lineage.js');
        await lineage(cli, subject, options);
      }),
    );
}

/** `weighbridge blast-radius`: what a dataset touched, from the log itself. */
export function blastRadiusCommand(run: Run): Command {
  return new Command('blast-radius')
    .summary('every licence, access, model and payout that a dataset touched')
    .description(
      'Reads the whole log, checks every entry against the signed checkpoint, and lists what one dataset version touched: licences, ' +
        'accesses, payouts, models trained on it, and models trained from those. --out writes it as a report with proofs, which ' +
        '--check verifies without a network. It says what revoking cannot do: models are not unlearned.',
    )
    .argument('[dataset]', 'its id, or the first 8 hex digits or more')
    .option('--out <file>', 'write the report, with the proof of every record')
    .option('--check <file>', 'verify such a report instead, offline')
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge blast-radius 0x1f3a9c02 --out report.json\n  weighbridge blast-radius --check report.json --trust trust.json\n',
    )
    .action(async (dataset: string | undefined, options: { out?: string; check?: string; trust?: string }, command) =>
      run(command as Command, async (cli) => {
        const { runBlastRadius } = await import('../history/blast-radius.js');
        await runBlastRadius(cli, dataset, options);
      }),
    );
}
