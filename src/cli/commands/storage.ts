import { Command } from 'commander';
import type { Run } from '../cli.js';
import { positiveNumber, wholeNumber } from './options.js';

/** `weighbridge storage`: where a dataset is stored, proven and paid. */
export function storageCommand(run: Run): Command {
  const storage = new Command('storage')
    .summary('the copies of a dataset: proofs, faults, money')
    .description('Where a dataset is stored, when each copy was proven last, and for how long it is paid.')
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge storage status 0x1f3a9c02\n  weighbridge storage audit 0x1f3a9c02\n' +
        '  weighbridge storage top-up --days 90 --key-file key.txt\n',
    );
  storage
    .command('status')
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .summary('each copy: last proof, faults, paid until')
    .description('Shows each copy of a dataset as the chain has it, and how long its deposit lasts. Needs no key.')
    .action(async (dataset: string, _options: unknown, command: Command) =>
      run(command, async (cli) => (await import('../storage/status.js')).storageStatus(cli, dataset)),
    );
  storage
    .command('audit')
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .summary("verify each copy's last proof anew")
    .description(
      "Verifies the last proof of possession of each copy from its transaction's calldata: draws the challenges again and " +
        "hashes each Merkle path up to the piece's CID. Needs no key. Exits with 1 if a proof does not hold.",
    )
    .action(async (dataset: string, _options: unknown, command: Command) =>
      run(command, async (cli) => (await import('../storage/audit-proofs.js')).auditProofs(cli, dataset)),
    );
  storage
    .command('top-up')
    .summary('pay in for more days of storage')
    .description("Pays USDFC into your storage account. It stays yours until it has paid for a provider's day.")
    .option('--days <n>', 'pay in what all of your copies cost for so many days', wholeNumber(1, 3_650))
    .option('--amount <usdfc>', 'pay in this much', positiveNumber)
    .action(async (options: { days?: number; amount?: number }, command: Command) =>
      run(command, async (cli) => (await import('../storage/top-up.js')).topUp(cli, options)),
    );
  storage
    .command('withdraw')
    .summary('take out what is not needed')
    .description(
      'Pays USDFC of your storage account back to your wallet: what is free beyond the days that your copies are to be paid ' +
        "for. What is locked for the providers' notice period stays. Of copies that were delisted and have come to their ends, it " +
        'first settles what the provider left.',
    )
    .option(
      '--keep-days <n>',
      'leave what all of your copies cost for so many days (90 unless given)',
      wholeNumber(0, 3_650),
    )
    .option('--amount <usdfc>', 'take out this much', positiveNumber)
    .action(async (options: { keepDays?: number; amount?: number }, command: Command) =>
      run(command, async (cli) => (await import('../storage/withdraw.js')).withdraw(cli, options)),
    );
  storage
    .command('permit')
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .summary('let lost copies be replaced while your key is away')
    .description(
      'Signs, for each spare provider, that it may make one copy of exactly these pieces and be paid for it. "publish" does so ' +
        'too; do it again once the signatures have expired or were used.',
    )
    .option('--days <n>', 'for how long', wholeNumber(1, 730), 180)
    .action(async (dataset: string, options: { days: number }, command: Command) =>
      run(command, async (cli) => (await import('../storage/permit.js')).permit(cli, dataset, options.days)),
    );
  return storage;
}

/** `weighbridge delist`. */
export function delistCommand(run: Run): Command {
  return new Command('delist')
    .summary('stop storing a revoked dataset')
    .description(
      'Asks every provider to delete the pieces of a dataset whose versions you have revoked, and stops paying for them. ' +
        'Providers are paid for their notice period. Cannot be undone.',
    )
    .argument('<dataset>', 'its id, or the first 8 hex digits or more')
    .addHelpText('after', '\nExample:\n  weighbridge delist 0x1f3a9c02 --key-file key.txt\n')
    .action(async (dataset: string, _options: unknown, command: Command) =>
      run(command, async (cli) => (await import('../storage/delist.js')).delist(cli, dataset)),
    );
}
