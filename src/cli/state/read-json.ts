import { readFile } from 'node:fs/promises';
import { WeighbridgeError, type ErrorCode } from '../../kernel/index.js';

/**
 * A JSON file that the user names. A path that leads nowhere and a file that says nothing are told apart: what to do next is another thing.
 * @param code - of a file that is not JSON
 * @param shape - what the file has to hold, said as the next step
 * @param find - how to come by the file, said as the next step where there is none
 * @throws WeighbridgeError `code`
 */
export async function readJson(
  file: string,
  code: ErrorCode,
  shape: string,
  find = 'Check the path and its permissions.',
): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new WeighbridgeError(code, `${file} cannot be read (${error.code ?? error.message})`, {
      next: find,
      cause: error,
    });
  });
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    throw new WeighbridgeError(code, `${file} is not JSON`, { next: shape, cause: error });
  }
}
