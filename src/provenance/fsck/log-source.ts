import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';
import { createHttpLogClient } from '../http-log-client.js';

/** Where a log lies: its base URL, or a folder with the same paths as files. Plain data, so that it travels to a thread. */
export type LogSource = { url: string } | { dir: string };

/** A log by its C2SP paths alone, `checkpoint` and `tile/...`: a static mirror will do. Nothing read is trusted. */
export interface LogReader {
  /** The signed note. */
  checkpoint(): Promise<string>;
  tile(path: string): Promise<Uint8Array>;
}

/** An `http:` or `https:` URL, or else a folder. */
export function logSourceOf(text: string): LogSource {
  return /^https?:\/\//.test(text) ? { url: text } : { dir: text };
}

/** @throws WeighbridgeError from its calls: LOG_UNAVAILABLE of a URL; BAD_INPUT of a folder, which no waiting will fill */
export function openLogSource(source: LogSource): LogReader {
  const read = 'url' in source ? createHttpLogClient(source).tile : fileReader(source.dir);
  return {
    // The client's own `checkpoint` is for anchoring and not of C2SP; the note is one more file.
    checkpoint: async () => new TextDecoder().decode(await read('checkpoint')),
    tile: read,
  };
}

function fileReader(dir: string): (name: string) => Promise<Uint8Array> {
  return async (name) =>
    readFile(path.join(dir, name)).catch((error: NodeJS.ErrnoException) => {
      throw new WeighbridgeError('BAD_INPUT', `${path.join(dir, name)} cannot be read (${error.code ?? ''})`, {
        next: 'Name a folder with all files of a C2SP tlog-tiles log: checkpoint, tile/... and tile/entries/...',
        cause: error,
      });
    });
}
