import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

const PREFIX = 'plain-';

/**
 * Runs `work` with a directory that only this user can read and that is gone afterwards, whatever happens: plaintext lives
 * here. Only SIGKILL and a power cut leave it behind; the next run with the same `parent` then removes it first.
 */
export async function withPrivateDir<T>(parent: string, work: (dir: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await removeLeftovers(parent);
  // mkdtemp makes it 0700.
  const dir = await mkdtemp(path.join(parent, PREFIX));
  const stopListening = onInterrupt(() => rmSync(dir, { recursive: true, force: true }));
  try {
    return await work(dir);
  } finally {
    stopListening();
    await rm(dir, { recursive: true, force: true });
  }
}

async function removeLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name.startsWith(PREFIX)) await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

/** Ctrl-C and SIGTERM end the process without running `finally`: the clean-up must be synchronous and in the handler. */
function onInterrupt(cleanUp: () => void): () => void {
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = (): void => {
      cleanUp();
      process.off(signal, handler);
      process.kill(process.pid, signal);
    };
    process.once(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => handlers.forEach((off) => off());
}
