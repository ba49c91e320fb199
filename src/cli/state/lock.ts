import { mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';

/**
 * Runs `work` while holding `file` as a lock, so that the same command started twice does not pay or upload twice. A lock
 * whose process is gone is taken over: a killed command must be able to resume.
 * @throws WeighbridgeError JOB_STATE when another live process holds it.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await acquire(file);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function acquire(file: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''));
    if (isAlive(owner)) break;
    await rm(file, { force: true });
  }
  throw new WeighbridgeError('JOB_STATE', 'the same command is already running', {
    next: `Wait for it to end. If no weighbridge is running, delete ${file}.`,
    retryable: true,
  });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
