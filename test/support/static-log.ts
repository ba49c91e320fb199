import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { formatCheckpoint } from '../../src/provenance/verify/index.js';
import { memoryLog } from './memory-log.js';
import { ORIGIN, signNote } from './noted-log.js';

/** Writes a log as the folder of files that C2SP tlog-tiles serves, with its signed checkpoint. */
export async function writeStaticLog(
  dir: string,
  entries: readonly Uint8Array[],
): Promise<ReturnType<typeof memoryLog>> {
  const log = memoryLog(entries);
  for (const [name, bytes] of log.tiles) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
    await writeFile(path.join(dir, name), bytes);
  }
  await writeFile(path.join(dir, 'checkpoint'), signNote(formatCheckpoint({ origin: ORIGIN, ...log.head })));
  return log;
}
