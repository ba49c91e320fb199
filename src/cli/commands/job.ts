import { Command } from 'commander';
import type { Run } from '../cli.js';

/** `weighbridge job`. */
export function jobCommand(run: Run): Command {
  return new Command('job')
    .summary('look at a job, fetch its weights, or cancel it')
    .description(
      'Shows a job. With --out it waits until the job is final and then writes weights and receipt, also for a job whose ' +
        '"train" was interrupted; the key to the weights is on the machine that ran it.',
    )
    .argument('<job>', 'its id, or the first 8 hex digits or more')
    .option('--out <file>', 'wait for the job and write its weights here')
    .option('--receipt <file>', 'where the receipt goes (default: receipt.json beside the weights)')
    .addHelpText(
      'after',
      '\nExamples:\n  weighbridge job 0x9b1c2d3e\n  weighbridge job 0x9b1c2d3e --out weights.safetensors\n',
    )
    .addCommand(cancelCommand(run))
    .action(async (id: string, options: { out?: string; receipt?: string }, command: Command) =>
      run(command, async (cli) => {
        const { showJob } = await import('../train/show-job.js');
        await showJob(cli, id, options);
      }),
    );
}

/** `weighbridge job cancel`. */
function cancelCommand(run: Run): Command {
  return new Command('cancel')
    .summary('end a job and take the payment back')
    .description(
      'Ends a job of yours before its completion is logged: a refusal with reason "cancelled" is logged, and the payment goes ' +
        'back to you. Privacy budget that is committed stays spent.',
    )
    .argument('<job>', 'its id, or the first 8 hex digits or more')
    .addHelpText('after', '\nExample:\n  weighbridge job cancel 0x9b1c2d3e\n')
    .action(async (id: string, _options: object, command: Command) =>
      run(command, async (cli) => {
        const { cancelJob } = await import('../train/cancel-job.js');
        await cancelJob(cli, id);
      }),
    );
}
