import { Command } from 'commander';
import type { Run } from '../cli.js';
import type { ReplayOptions } from '../replay/options.js';

/** `weighbridge replay`: does the logged digest come out again? */
export function replayCommand(run: Run): Command {
  return new Command('replay')
    .summary('train a settled job again, and compare the weights with the record')
    .description(
      'Trains a settled job again in a sandbox on this machine: same rows, same declaration, same seed, and says whether the weights ' +
        'have the digest that the log holds. The weights are dropped; nothing is recorded or paid.\n\n' +
        "It takes two secrets. The worker's seed, of the operator that trained: all that a private run draws follows from it and " +
        "from the job. The seller's shard secret, which opens the rows: key nodes release no key for a job that has ended, and rows " +
        'that are not your own need an order and a record of their own. So this is for an operator that trains on its own data, or ' +
        'for two parties at one machine.\n\n' +
        'Refused with REPLAY_REFUSED where the result could differ for another reason: another processor class, or another version ' +
        'of trainer, JAX, jaxlib or Python than the record names. The number of threads is taken from the record.',
    )
    .argument('<job>', 'its id, or the first 8 hex digits or more')
    .requiredOption('--worker-seed-file <file>', "the worker's seed, 64 hex digits (WORKER_SEED_FILE of the worker)")
    .option(
      '--shard-secret-file <file>',
      "the seller's shard secret (default: secrets/<seller>.shards in the state directory)",
    )
    .addHelpText(
      'after',
      '\nExit codes:\n  0  the same digest        1  another digest, or refused\n' +
        '  2  bad usage or input     3  a service is unavailable\n' +
        '\nExamples:\n  weighbridge replay 0x9b1c2d3e --worker-seed-file worker.seed --key-file operator.key\n',
    )
    .action(async (id: string, options: ReplayOptions, command: Command) =>
      run(command, async (cli) => {
        const { runReplay } = await import('../replay/run-replay.js');
        await runReplay(cli, id, options);
      }),
    );
}
