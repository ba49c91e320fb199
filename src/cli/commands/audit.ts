import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge audit`. */
export function auditCommand(run: Run): Command {
  return new Command('audit')
    .summary('every access to a dataset, from the log itself')
    .description(
      'Reads the whole log, checks every entry against the signed checkpoint, and lists what happened to one dataset: every ' +
        'access, by whom, under which licence. The marketplace is not asked. Exits with 1 if something does not hold.',
    )
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .option('--online', 'also compare the log with the chain and with Ceramic')
    .option('--ceramic', 'rebuild the history from Ceramic alone and compare it with the log, batch by batch')
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge audit 0x1f3a9c02\n  weighbridge audit 0x1f3a9c02 --trust trust.json --online --json\n',
    )
    .action(
      async (dataset: string, options: { trust?: string; online?: boolean; ceramic?: boolean }, command: Command) =>
        run(command, async (cli) => {
          const { audit } = await import('../audit/audit.js');
          await audit(cli, dataset, options);
        }),
    );
}
