import { rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { fromHex, type Hex } from '../../src/kernel/index.js';

const SAVE_INTERVAL_MS = 1_000;

/** What is asked of a running chain. */
export interface StateSource {
  /** State root of the latest block: unchanged while blocks are empty. */
  stateRoot(): Promise<Hex>;
  /** The whole chain, gzipped JSON. */
  dump(): Promise<Hex>;
}

/**
 * Writes the chain to `file` so that a kill at any moment leaves the old state or the new one, never half of one.
 * anvil's own `--state-interval` writes in place, and a torn file does not load.
 */
export async function saveState(chain: StateSource, file: string): Promise<void> {
  const json = await promisify(gunzip)(fromHex(await chain.dump()));
  const temporary = `${file}.tmp`;
  await writeFile(temporary, json, { mode: 0o600, flush: true });
  await rename(temporary, file);
}

/** Saves the state within a second of every change of it, until it is stopped; stopping saves once more. */
export function keepState(chain: StateSource, file: string): { save(): Promise<void>; stop(): Promise<void> } {
  let savedRoot: Hex | undefined;
  let running: Promise<void> = Promise.resolve();
  // One after the other: two dumps at once would share the temporary file.
  const enqueue = (task: () => Promise<void>): Promise<void> => (running = running.then(task, task));
  const saveIfChanged = async (): Promise<void> => {
    const root = await chain.stateRoot();
    if (root === savedRoot) return;
    await saveState(chain, file);
    savedRoot = root;
  };
  const timer = setInterval(() => {
    // A chain that does not answer is being stopped or was killed; there is nothing to save from it.
    enqueue(saveIfChanged).catch(() => {});
  }, SAVE_INTERVAL_MS);
  timer.unref();
  return {
    save: () => enqueue(() => saveState(chain, file)),
    stop: async () => {
      clearInterval(timer);
      await enqueue(() => saveState(chain, file)).catch(() => {});
    },
  };
}
