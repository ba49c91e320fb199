import { isWeighbridgeError, WeighbridgeError } from '../../kernel/index.js';
import { isDiskFull } from '../state/disk-full.js';
import type { Io } from './io.js';
import { plain } from './text.js';
import { createUi } from './ui.js';

/** An error as a script reads it under `--json`. */
export interface ErrorJson {
  error: { code: string; message: string; next: string; details: Record<string, unknown>; retryable: boolean };
}

/** Prints what was wrong, its code, and what to do next. A bug shows its stack only when WEIGHBRIDGE_DEBUG is set. */
export function printError(io: Io, json: boolean, thrown: unknown): WeighbridgeError {
  const error = asWeighbridgeError(thrown);
  const { code, message, next, details, retryable } = error;
  if (json) {
    createUi(io, true).result({ error: { code, message, next, details, retryable } } satisfies ErrorJson, () => []);
  } else {
    const { err } = createUi(io, false);
    // Both may be the server's words.
    io.stderr.write(
      `${err.red('error:')} ${plain(message)} ${err.dim(`(${code})`)}\n${err.cyan('next:')}  ${plain(next)}\n`,
    );
  }
  if (io.env['WEIGHBRIDGE_DEBUG'] && thrown instanceof Error) io.stderr.write(`${thrown.stack ?? thrown.message}\n`);
  return error;
}

function asWeighbridgeError(thrown: unknown): WeighbridgeError {
  if (isWeighbridgeError(thrown)) return thrown;
  if (isDiskFull(thrown)) {
    return new WeighbridgeError('DISK_FULL', 'no space is left on this disk', {
      next: 'Free some space and run the same command again: it goes on where it stopped.',
      cause: thrown,
    });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new WeighbridgeError('INTERNAL', message, {
    next: 'This is a fault of the program. Run it again with WEIGHBRIDGE_DEBUG=1 and report what it prints.',
    cause: thrown,
  });
}
