import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge verify`: the auditor's door, and everybody's. */
export function verifyCommand(run: Run): Command {
  return new Command('verify')
    .summary('check a receipt, offline')
    .description(
      'Checks a receipt line by line with nothing but its bytes and a trust file: no network, no trust in the marketplace. ' +
        'Exits with 1 and names the line if one does not hold.',
    )
    .argument('<receipt>', 'receipt.json')
    .option('--trust <file>', "the deployment's keys and contracts (default: taken from the network file)")
    .option('--weights <file>', 'also check that these weights are the ones that the receipt is about')
    .option('--online', 'also compare with the chain and with Ceramic')
    .addHelpText(
      'after',
      `
Examples:
  weighbridge verify receipt.json --trust trust.json
  weighbridge verify receipt.json --trust trust.json --weights weights.safetensors --online --json

Get the trust file from where you trust it, not from whoever gave you the receipt: "weighbridge trust --out trust.json".
`,
    )
    .action(
      async (receipt: string, options: { trust?: string; weights?: string; online?: boolean }, command: Command) =>
        run(command, async (cli) => {
          const { verify } = await import('../verify/verify.js');
          await verify(cli, receipt, options);
        }),
    );
}
