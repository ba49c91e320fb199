import { rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { fromHex, type Hex } from '../../src/kernel/index.js';

const LEAST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/**
 * Pauses are so many times as long as the save before. A chain answers slowly while it writes itself down, and every transaction ever
 * made is in it: after a thousand of them, saves of a second in each second would leave it no time for anything else.
 */
const PAUSE_TIMES = 20;

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

/** Saves the state soon after every change of it, until it is stopped; stopping saves once more. */
export function keepState(chain: StateSource, file: string): { save(): Promise<void>; stop(): Promise<void> } {
  let savedRoot: Hex | undefined;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  // One after the other: two dumps at once would share the temporary file.
  const enqueue = (task: () => Promise<void>): Promise<void> => (running = running.then(task, task));
  const saveIfChanged = async (): Promise<void> => {
    const root = await chain.stateRoot();
    if (root === savedRoot) return;
    await saveState(chain, file);
    savedRoot = root;
  };
  const saveAfter = (pauseMs: number): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      const from = performance.now();
      const again = (): void => {
        const pause = PAUSE_TIMES * (performance.now() - from);
        saveAfter(Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, pause)));
      };
      // A chain that does not answer is being stopped or was killed; there is nothing to save from it.
      enqueue(saveIfChanged).then(again, again);
    }, pauseMs);
    timer.unref();
  };
  saveAfter(LEAST_PAUSE_MS);
  return {
    save: () => enqueue(() => saveState(chain, file)),
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await enqueue(() => saveState(chain, file)).catch(() => {});
    },
  };
}
