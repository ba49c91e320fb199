import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * SIGKILL to a server that `startPostgres` started in `dir` and to every process of it, as when the machine goes down.
 * Returns when none is left, so that the same data can be served again.
 */
export async function killPostgres(dir: string): Promise<void> {
  const pidFile = path.join(dir, 'data/postmaster.pid');
  const postmaster = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  // Stopped first: it starts no process between our look and our kill.
  process.kill(postmaster, 'SIGSTOP');
  const pids = [postmaster, ...childrenOf(postmaster)];
  for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  while (pids.some(isRunning)) await sleep(20);
  // A new boot would give that number to another process or to none. Here nobody may have reaped it yet, and PostgreSQL would
  // take what is left of it for a running server.
  const locks = readdirSync(dir).filter((name) => /^\.s\.PGSQL\.\d+\.lock$/.test(name));
  for (const lock of [pidFile, ...locks.map((name) => path.join(dir, name))]) rmSync(lock);
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => statOf(pid)?.parent === parent);
}

/** Nobody may have reaped it yet: then it is gone all the same. */
function isRunning(pid: number): boolean {
  return !/[ZX]/.test(statOf(pid)?.state ?? 'X');
}

/** Undefined if there is no such process. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // The name before it may hold anything, brackets too.
    const [state = '', parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
