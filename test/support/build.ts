import path from 'node:path';
import type { SealingThreads } from '../../src/cli/ports.js';

/** `dist`, as global-setup.ts built it from the sources: for tests that start processes of ours. */
export function distDir(): string {
  return path.resolve(import.meta.dirname, '../../dist');
}

/** The threads of `publish` as they are built: a thread starts from a compiled file. */
export async function builtSealingThreads(): Promise<SealingThreads> {
  const file = path.join(distDir(), 'web3/filecoin/sealing/sealing-threads.js');
  const { SealingThreads } = (await import(file)) as { SealingThreads: new () => SealingThreads };
  return new SealingThreads();
}
