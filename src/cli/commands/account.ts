import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge account`: the user's key and money. */
export function accountCommand(run: Run): Command {
  const account = new Command('account')
    .summary('make a key, see what it owns')
    .description('Your key and your money.')
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge account new --out key.txt\n  weighbridge account show --key-file key.txt\n',
    );
  account
    .command('show', { isDefault: true })
    .summary('address, balance and credit')
    .description(
      'Shows your address, its USDFC, what the marketplace owes it, and its native coin for transaction fees.',
    )
    .action(async (_options: unknown, command: Command) =>
      run(command, async (cli) => {
        const { showAccount } = await import('../account/show-account.js');
        await showAccount(cli);
      }),
    );
  account
    .command('new')
    .summary('make a key')
    .description('Makes a new private key in a file that only you can read. It is never printed and never overwritten.')
    .requiredOption('--out <file>', 'where to keep it')
    .action(async ({ out }: { out: string }, command: Command) =>
      run(command, async (cli) => {
        const { newAccount } = await import('../account/new-account.js');
        await newAccount(cli, out);
      }),
    );
  return account;
}
