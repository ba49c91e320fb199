import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { boxArguments, findBwrap, INFO_FD, pythonArguments, SECCOMP_FD } from './bwrap.js';
import { MAX_OPEN_FILES, type SandboxLimits } from './limits.js';
import { inspectPython, type Python } from './python.js';
import { seccompFilter } from './seccomp.js';

/** Between the signal that can be told from others (SIGXCPU) and the one that cannot be caught. */
const HARD_LIMIT_SECONDS = 10;
/** How long bubblewrap may take to follow its box. */
const REAP_MS = 2_000;

const infoSchema = z.object({ 'child-pid': z.number().int().positive() });

/** Everything that a box is made from; found once, when a worker starts. */
export interface Blueprint {
  python: Python;
  bwrap: string;
  args: string[];
  filter: Buffer;
  limits: SandboxLimits;
}

/** A running box. */
export interface Box {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Resolves when every process in it has ended. Never rejects. */
  exited: Promise<Exit>;
  /** Ends it at once, with all that it knows. */
  destroy(): void;
}

export type Exit = { code: number } | { error: Error };

/** @throws WeighbridgeError SANDBOX_UNAVAILABLE naming the command that mends the host */
export async function drawBlueprint(pythonDir: string, trainerDir: string, limits: SandboxLimits): Promise<Blueprint> {
  const python = await inspectPython(pythonDir);
  const [bwrap, args, filter] = await Promise.all([
    findBwrap(python),
    boxArguments(python, trainerDir, limits),
    seccompFilter(pythonDir),
  ]);
  return { python, bwrap, args, filter, limits };
}

/**
 * Starts `python -m module` in a box. Resource limits are set by the shell before bubblewrap starts, so that they hold
 * whatever the trainer is: core files would be rows on a disk, CPU seconds end a program that the wall clock missed.
 */
export function startBox(blueprint: Blueprint, module: string, cpuSeconds: number): Box {
  const { python, bwrap, args, filter, limits } = blueprint;
  const script = [...ulimits(limits, Math.ceil(cpuSeconds)), 'exec "$@"'].join(' && ');
  const child = spawn('/bin/sh', ['-c', script, 'sh', bwrap, ...args, ...pythonArguments(python, module)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    env: {},
  });
  sendFilter(child, filter);
  const inside = readProcessId(child);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited: exitOf(child),
    destroy: () => void destroyBox(child, inside),
  };
}

/** In the units of POSIX `ulimit`: KiB of addresses, blocks of 512 bytes, seconds. */
function ulimits({ addressSpaceBytes, tmpBytes }: SandboxLimits, cpuSeconds: number): string[] {
  return [
    'ulimit -c 0',
    `ulimit -n ${MAX_OPEN_FILES}`,
    `ulimit -f ${Math.ceil(tmpBytes / 512)}`,
    `ulimit -S -t ${cpuSeconds}`,
    `ulimit -H -t ${cpuSeconds + HARD_LIMIT_SECONDS}`,
    `ulimit -v ${Math.floor(addressSpaceBytes / 1024)}`,
  ];
}

/**
 * Kills the first process of the box, which ends all others in its namespace; bubblewrap reaps it and ends. Killing
 * bubblewrap instead is not enough in the first milliseconds: before --die-with-parent takes hold, what it has cloned
 * waits for it for ever.
 */
async function destroyBox(child: ChildProcess, inside: Promise<number | undefined>): Promise<void> {
  const pid = await inside;
  if (child.exitCode !== null || child.signalCode !== null) return;
  setTimeout(() => child.kill('SIGKILL'), pid === undefined ? 0 : REAP_MS).unref();
  try {
    // While bubblewrap runs it has not reaped the box, so the id is the box's and no other's.
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** The id that bubblewrap tells as soon as it has one; undefined if it ends before that. */
async function readProcessId(child: ChildProcess): Promise<number | undefined> {
  try {
    const info: unknown = JSON.parse(await text(child.stdio[INFO_FD] as Readable));
    return infoSchema.parse(info)['child-pid'];
  } catch {
    return undefined;
  }
}

function sendFilter(child: ChildProcess, filter: Buffer): void {
  const pipe = child.stdio[SECCOMP_FD] as Writable;
  // bubblewrap may be gone before it has read it; that shows as its exit.
  pipe.on('error', () => undefined);
  pipe.end(filter);
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    // 128 + signal, as shells and bubblewrap write it.
    child.once('close', (code) => resolve({ code: code ?? 137 }));
  });
}
