import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge withdraw`. */
export function withdrawCommand(run: Run): Command {
  return new Command('withdraw')
    .summary('get what the marketplace owes you')
    .description(
      'Pays out your credit in the contract: earnings of a seller, refunds of a buyer. Payments of yours whose deadline ' +
        'passed without a finished run are turned into credit first; nobody has to agree to that.',
    )
    .addHelpText('after', '\nExample:\n  weighbridge withdraw --key-file key.txt\n')
    .action(async (_options: unknown, command: Command) =>
      run(command, async (cli) => {
        const { withdraw } = await import('../account/withdraw.js');
        await withdraw(cli);
      }),
    );
}
