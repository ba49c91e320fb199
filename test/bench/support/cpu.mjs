import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const TICKS_PER_SECOND = 100;

/** Microseconds of CPU that the PostgreSQL of a data folder has used so far: by its processes that live, and that ended. */
export function cpuOfPostgres(dataDir) {
  const postmaster = Number(readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(statOf);
  const ticks = stats
    .filter(({ pid, parent }) => pid === postmaster || parent === postmaster)
    .reduce((sum, { own, children, pid }) => sum + own + (pid === postmaster ? children : 0), 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/** Microseconds of CPU that one process has used so far. */
export function cpuOfProcess(pid) {
  return ((statOf(pid)[0]?.own ?? 0) / TICKS_PER_SECOND) * 1e6;
}

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // After the name, which may hold anything: state, parent, ..., utime, stime, cutime, cstime.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent, user, system, childUser, childSystem] = [1, 11, 12, 13, 14].map((i) => fields[i]);
    return [{ pid: Number(pid), parent, own: user + system, children: childUser + childSystem }];
  } catch {
    return []; // it ended meanwhile
  }
}
