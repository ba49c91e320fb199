import { randomUUID } from 'node:crypto';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from './errors.js';

/** Threads of one box, which the kernel counts as processes; JAX starts a few a core. */
const MAX_TASKS = 1_024;
/** A group empties a moment after its last process has been waited for. */
const REMOVE_TRIES = 50;
const REMOVE_EVERY_MS = 20;

/** One box's control group (v2): limits that count what rlimits do not, such as memory of the kernel's own. */
export interface Group {
  /** A process that writes its id here is in it, with all that it starts. */
  procs: string;
  /** Ends what is left in it, and removes it. Never rejects. */
  remove(): Promise<void>;
}

/**
 * Whether boxes can be limited below `directory`, a cgroup v2 that was delegated to the worker with both controllers enabled.
 * @throws WeighbridgeError SANDBOX_UNAVAILABLE
 */
export async function assertDelegated(directory: string): Promise<void> {
  const file = path.join(directory, 'cgroup.subtree_control');
  const enabled = (await readFile(file, 'utf8').catch(() => '')).trim().split(/\s+/);
  if (['memory', 'pids'].every((name) => enabled.includes(name))) return;
  throw unavailable(
    `${directory} is no cgroup that limits memory and processes`,
    `Run: echo "+memory +pids" > ${file} (with its directory owned by the worker's user), or unset SANDBOX_CGROUP_DIR.`,
  );
}

export function makeGroup(directory: string, memoryBytes: number): Group {
  const group = path.join(directory, `box-${randomUUID()}`);
  const write = (name: string, value: string): void => writeFileSync(path.join(group, name), value);
  mkdirSync(group);
  write('memory.max', String(memoryBytes));
  write('memory.swap.max', '0');
  // Of a box without memory all processes end, not the one that the kernel happens to pick.
  write('memory.oom.group', '1');
  write('pids.max', String(MAX_TASKS));
  return {
    procs: path.join(group, 'cgroup.procs'),
    remove: async () => {
      for (let attempt = 0; attempt < REMOVE_TRIES; attempt += 1) {
        try {
          write('cgroup.kill', '1');
          rmdirSync(group);
          return;
        } catch {
          await sleep(REMOVE_EVERY_MS);
        }
      }
    },
  };
}
