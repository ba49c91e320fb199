import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';

/**
 * Whether a file can be written there, asked before anything is paid: to find out afterwards would be unkind.
 * @throws WeighbridgeError BAD_INPUT
 */
export async function assertWritable(file: string): Promise<void> {
  const dir = path.dirname(path.resolve(file));
  try {
    await access(dir, constants.W_OK);
  } catch (error) {
    throw new WeighbridgeError('BAD_INPUT', `${file} cannot be written: ${dir} is missing or not yours to write`, {
      next: 'Make the directory first, or name another file.',
      cause: error,
    });
  }
  const existing = await stat(file).catch(() => undefined);
  if (existing?.isDirectory() === true) {
    throw new WeighbridgeError('BAD_INPUT', `${file} is a directory`, { next: 'Name a file in it.' });
  }
}
