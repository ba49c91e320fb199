import { readFile } from 'node:fs/promises';
import { WeighbridgeError } from '../../kernel/index.js';
import { parseTrust, trustOfNetwork, type Trust } from '../../provenance/verify/index.js';
import type { Cli } from '../cli.js';

/** Trust, and where it came from: that is part of the verdict. */
export interface SourcedTrust {
  trust: Trust;
  from: string;
}

/** @throws WeighbridgeError BAD_INPUT, CONFIG_INVALID */
export async function readTrust(cli: Cli, file: string | undefined): Promise<SourcedTrust> {
  if (file !== undefined) return { trust: parseTrust(await readBytes(file)), from: file };
  return { trust: trustOfNetwork(await cli.network()), from: `the network file ${cli.networkFile()}` };
}

/** A signed note as it lies in a file: what is not UTF-8 is no note, and its reader says so. */
export function decodeNote(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** @throws WeighbridgeError BAD_INPUT */
export async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new WeighbridgeError('BAD_INPUT', `${file} cannot be read (${error.code ?? error.message})`, {
      next: 'Check the path and its permissions.',
      cause: error,
    });
  });
}
