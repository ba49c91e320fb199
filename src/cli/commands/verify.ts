import { Command } from 'commander';
import type { Run } from '../cli.js';
import type { VerifyChoice } from '../verify/run-verify.js';

/** `weighbridge verify`: the auditor's door, and everybody's. */
export function verifyCommand(run: Run): Command {
  return new Command('verify')
    .summary('check a receipt, offline, or a whole log')
    .description(
      'Checks a receipt line by line with nothing but its bytes and a trust file: no network, no trust in the marketplace. ' +
        'Exits with 1 and names the line if one does not hold. With --log it hashes every entry of a log, rebuilds the ' +
        'tree and compares every tile and the signed checkpoint with it.',
    )
    .argument('[receipt]', 'receipt.json')
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .option('--weights <file>', 'also check that these weights are the ones that the receipt is about')
    .option(
      '--checkpoint <file>',
      'another signed checkpoint of the same log, from elsewhere or from before: both must be of one history',
    )
    .option(
      '--log <dir or URL>',
      'verify this C2SP tlog-tiles log whole, in place of a receipt; with a receipt and --checkpoint, compare across sizes by its tiles',
    )
    .option('--vkey <vkey>', "with --log: believe this log's key alone, no witness; for logs of others")
    .option('--online', 'also compare with the chain and with Ceramic')
    .addHelpText(
      'after',
      `
Examples:
  weighbridge verify receipt.json --trust trust.json
  weighbridge verify receipt.json --trust trust.json --weights weights.safetensors --online --json
  weighbridge verify receipt.json --trust trust.json --checkpoint from-a-friend.txt --log https://log.example/
  weighbridge verify --log https://log.example/ --trust trust.json --checkpoint of-last-year.txt
  weighbridge verify --log ./mirror --vkey log.example+0a1b2c3d+AQ...

Get the trust file from where you trust it, not from whoever gave you the receipt: "weighbridge trust --out trust.json".
`,
    )
    .action(async (receipt: string | undefined, options: VerifyChoice, command: Command) =>
      run(command, async (cli) => {
        const { runVerify } = await import('../verify/run-verify.js');
        await runVerify(cli, receipt, options);
      }),
    );
}
