import { Command } from 'commander';
import type { Run } from '../cli.js';

const WHAT_IT_DOES =
  'Tells the contract, so that no further key is released, and records it in the log, signed by you. Jobs in flight stop at ' +
  'their next step and their buyers have the money back. It is final, and it does not unlearn: models that were trained stay ' +
  'trained. Interrupted, the same command goes on.';

/** `weighbridge revoke`: the seller takes consent back. */
export function revokeCommand(run: Run): Command {
  return new Command('revoke')
    .summary('take back your consent to training on a dataset')
    .description(WHAT_IT_DOES)
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .addHelpText('after', '\nExamples:\n  weighbridge revoke 0x1f3a9c02 --key-file .weighbridge/keys/seller\n')
    .action(async (dataset: string, _options: object, command: Command) =>
      run(command, async (cli) => {
        const { runRevoke } = await import('../revoke/run-revoke.js');
        await runRevoke(cli, dataset);
      }),
    );
}

/** `weighbridge revoke-licence`: the same for one licence. */
export function revokeLicenceCommand(run: Run): Command {
  return new Command('revoke-licence')
    .summary('take back your consent to one licence')
    .description(`For one licence of a dataset of yours. ${WHAT_IT_DOES}`)
    .argument('<licence>', 'its whole id, as "weighbridge audit <dataset> --json" prints it')
    .addHelpText('after', `\nExamples:\n  weighbridge revoke-licence 0x${'5e'.repeat(32)}\n`)
    .action(async (licence: string, _options: object, command: Command) =>
      run(command, async (cli) => {
        const { runRevokeLicence } = await import('../revoke/run-revoke.js');
        await runRevokeLicence(cli, licence);
      }),
    );
}
