import type { Cli } from '../cli.js';
import { newKeyFile } from '../state/key-file.js';

/** Makes a key file and tells its address, which is no secret. */
export async function newAccount({ ui }: Cli, file: string): Promise<void> {
  const { address } = await newKeyFile(file);
  ui.result({ address, keyFile: file }, () => [
    `address ${ui.out.bold(address)}`,
    `Its key is in ${file}. Keep a copy: whoever has it owns what it owns, and nobody can make it again.`,
    '',
    `Try next: weighbridge account show --key-file ${file}`,
  ]);
}
