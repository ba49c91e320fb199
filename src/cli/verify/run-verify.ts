import { WeighbridgeError } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import type { VerifyLogOptions } from './verify-log.js';
import type { VerifyOptions } from './verify.js';

export type VerifyChoice = VerifyOptions & VerifyLogOptions;

/** Verifies a receipt or, with `--log`, a whole log. @throws WeighbridgeError BAD_INPUT for both and for neither */
export async function runVerify(cli: Cli, receipt: string | undefined, options: VerifyChoice): Promise<void> {
  const { log, checkpoint } = options;
  if (receipt !== undefined) {
    if (log !== undefined && checkpoint === undefined) {
      throw usage(
        'a receipt and --log',
        'Verify one after the other, or add --checkpoint to hold one against the other.',
      );
    }
    const { verify } = await import('./verify.js');
    return verify(cli, receipt, options);
  }
  if (log === undefined) throw usage('neither a receipt nor --log', 'Name receipt.json, or a log with --log.');
  const { verifyLog } = await import('./verify-log.js');
  return verifyLog(cli, log, options);
}

function usage(given: string, next: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `verify was given ${given}`, { next });
}
