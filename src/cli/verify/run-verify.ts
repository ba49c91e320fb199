import { WeighbridgeError } from '../../kernel/index.js';
import type { Cli } from '../cli.js';
import type { VerifyLogOptions } from './verify-log.js';
import type { VerifyOptions } from './verify.js';

export interface VerifyChoice extends VerifyOptions, VerifyLogOptions {
  log?: string;
}

/** Verifies a receipt or, with `--log`, a whole log. @throws WeighbridgeError BAD_INPUT for both and for neither */
export async function runVerify(cli: Cli, receipt: string | undefined, options: VerifyChoice): Promise<void> {
  const { log } = options;
  if (log === undefined) {
    if (receipt === undefined) throw usage('neither a receipt nor --log', 'Name receipt.json, or a log with --log.');
    const { verify } = await import('./verify.js');
    return verify(cli, receipt, options);
  }
  if (receipt !== undefined) throw usage('a receipt and --log', 'Verify one after the other.');
  const { verifyLog } = await import('./verify-log.js');
  return verifyLog(cli, log, options);
}

function usage(given: string, next: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `verify was given ${given}`, { next });
}
