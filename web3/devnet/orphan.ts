import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Notes a process that a later devnet shall end if this one is killed. */
export function noteProcess(pidFile: string, pid: number): void {
  writeFileSync(pidFile, String(pid));
}

/**
 * Ends a process that a killed devnet left behind on our port. It is known by its pid and by an argument of its command
 * line that no other process has, so a pid that was given away since hits nobody.
 */
export async function endOrphan(pidFile: string, argument: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  if (commandLine(pid).includes(argument)) {
    process.kill(pid, 'SIGKILL');
    while (commandLine(pid).includes(argument)) await delay(20);
  }
  rmSync(pidFile, { force: true });
}

function commandLine(pid: number): string[] {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, 'utf8').split('\0') : [];
}
