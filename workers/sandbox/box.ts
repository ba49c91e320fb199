import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { boxArguments, CPU_FD, findBwrap, INFO_FD, pythonArguments, SECCOMP_FD } from './bwrap.js';
import { assertDelegated, makeGroup, type Group } from './cgroup.js';
import { cpuClass, cpuInfo } from './cpu-info.js';
import { gpuClass, type Gpu } from './find-gpus.js';
import { GPU_CALLS, GPU_OPEN_FILES, GPU_OWN_BYTES } from './gpu-box.js';
import { MAX_OPEN_FILES, type SandboxLimits } from './limits.js';
import { inspectPython, type Python } from './python.js';
import { seccompFilter } from './seccomp.js';
import { openSpool } from './spool.js';

/** Between the signal that can be told from others (SIGXCPU) and the one that cannot be caught. */
const HARD_LIMIT_SECONDS = 10;
/** How long bubblewrap may take to follow its box. */
const REAP_MS = 2_000;

const id = z.number().int().positive();
/** What bubblewrap says of the box it made; a namespace that it made none of is not named. */
const infoSchema = z.object({
  'child-pid': id,
  'cgroup-namespace': id.optional(),
  'ipc-namespace': id.optional(),
  'mnt-namespace': id.optional(),
  'net-namespace': id.optional(),
  'pid-namespace': id.optional(),
  'uts-namespace': id.optional(),
});
export type BoxInfo = z.infer<typeof infoSchema>;

/** Everything that a box is made from; found once, when a worker starts. */
export interface Blueprint {
  python: Python;
  bwrap: string;
  args: string[];
  filter: Buffer;
  /** The box's `/proc/cpuinfo`. */
  cpuInfo: string;
  /** What compiled programs are made for; see `cpuClass` and `gpuClass`. */
  device: string;
  limits: SandboxLimits;
  /** The one that this box has to itself. */
  gpu?: Gpu;
}

/** A running box. */
export interface Box {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Undefined if it ended before there was one. Never rejects. */
  info: Promise<BoxInfo | undefined>;
  /** Resolves when every process in it has ended. Never rejects. */
  exited: Promise<Exit>;
  /** Ends it at once, with all that it knows. */
  destroy(): void;
}

export type Exit = { code: number } | { error: Error };

/** @throws WeighbridgeError SANDBOX_UNAVAILABLE naming the command that mends the host */
export async function drawBlueprint(
  pythonDir: string,
  trainerDir: string,
  limits: SandboxLimits,
  gpu?: Gpu,
): Promise<Blueprint> {
  const python = await inspectPython(pythonDir);
  if (limits.cgroupDir !== undefined) await assertDelegated(limits.cgroupDir);
  const [bwrap, args, filter, cpu, processor] = await Promise.all([
    findBwrap(python),
    boxArguments(python, trainerDir, limits, gpu),
    seccompFilter(pythonDir, gpu === undefined ? [] : GPU_CALLS),
    cpuInfo(),
    cpuClass(),
  ]);
  const made = { python, bwrap, args, filter, cpuInfo: cpu, limits };
  // The processor draws a private run's samples and metric, and the noise that a GPU leaves to it.
  return gpu === undefined
    ? { ...made, device: processor }
    : { ...made, gpu, device: `${gpuClass(gpu)} on ${processor}` };
}

/**
 * Starts `python -m module` in a box. Resource limits are set by the shell before bubblewrap starts, so that they hold
 * whatever the trainer is: core files would be rows on a disk. CPU seconds end a program that the wall clock missed: here if
 * they are known, else by the trainer itself, before it reads a byte of a job.
 */
export function startBox(blueprint: Blueprint, module: string, cpuSeconds?: number): Box {
  const { python, bwrap, args, filter, limits } = blueprint;
  const group = limits.cgroupDir === undefined ? undefined : makeGroup(limits.cgroupDir, memoryBytes(blueprint));
  // The shell goes into the group first, and with it all that it becomes; its own name ($0) is where to write.
  const script = ['echo $$ > "$0"', ...ulimits(blueprint, cpuSeconds), 'exec "$@"'].join(' && ');
  const enter = group?.procs ?? '/dev/null';
  const spool = limits.spools === undefined ? [] : [openSpool(limits.spools)];
  // What stands first are pipes, whatever follows.
  const child = spawn('/bin/sh', ['-c', script, enter, bwrap, ...args, ...pythonArguments(python, module)], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', ...spool],
    env: {},
  }) as ChildProcessWithoutNullStreams;
  // From here on it is the box's alone.
  spool.forEach(closeSync);
  send(child, SECCOMP_FD, filter);
  send(child, CPU_FD, blueprint.cpuInfo);
  const info = readInfo(child);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    info,
    exited: exitOf(child, group),
    destroy: () => {
      // Bytes that nobody reads any more would hide the end of the stream, and so that of the box, for ever.
      child.stdout.destroy();
      void destroyBox(child, info);
    },
  };
}

/**
 * In the units of `ulimit`: KiB of memory, blocks of 512 bytes, seconds. CUDA reserves addresses for all memory that it could ever
 * see, hundreds of GiB: of a box with a GPU the memory that it may write to is limited instead (RLIMIT_DATA).
 */
function ulimits(blueprint: Blueprint, cpuSeconds?: number): string[] {
  const { limits, gpu } = blueprint;
  const seconds = cpuSeconds === undefined ? undefined : Math.ceil(cpuSeconds);
  return [
    'ulimit -c 0',
    `ulimit -n ${gpu === undefined ? MAX_OPEN_FILES : GPU_OPEN_FILES}`,
    `ulimit -f ${Math.ceil(Math.max(limits.tmpBytes, limits.spools?.bytes ?? 0) / 512)}`,
    ...(seconds === undefined ? [] : [`ulimit -S -t ${seconds}`, `ulimit -H -t ${seconds + HARD_LIMIT_SECONDS}`]),
    `ulimit ${gpu === undefined ? '-v' : '-d'} ${Math.floor(memoryBytes(blueprint) / 1024)}`,
  ];
}

function memoryBytes({ limits, gpu }: Blueprint): number {
  return limits.addressSpaceBytes + (gpu === undefined ? 0 : GPU_OWN_BYTES);
}

/**
 * Kills the first process of the box, which ends all others in its namespace; bubblewrap reaps it and ends. Killing
 * bubblewrap instead is not enough in the first milliseconds: before --die-with-parent takes hold, what it has cloned
 * waits for it for ever.
 */
async function destroyBox(child: ChildProcess, info: Promise<BoxInfo | undefined>): Promise<void> {
  const pid = (await info)?.['child-pid'];
  if (child.exitCode !== null || child.signalCode !== null) return;
  setTimeout(() => child.kill('SIGKILL'), pid === undefined ? 0 : REAP_MS).unref();
  try {
    // While bubblewrap runs it has not reaped the box, so the id is the box's and no other's.
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** What bubblewrap tells as soon as it has a box. */
async function readInfo(child: ChildProcess): Promise<BoxInfo | undefined> {
  try {
    const info: unknown = JSON.parse(await text(child.stdio[INFO_FD] as Readable));
    return infoSchema.parse(info);
  } catch {
    return undefined;
  }
}

function send(child: ChildProcess, descriptor: number, data: Buffer | string): void {
  const pipe = child.stdio[descriptor] as Writable;
  // bubblewrap may be gone before it has read it; that shows as its exit.
  pipe.on('error', () => undefined);
  pipe.end(data);
}

async function exitOf(child: ChildProcess, group: Group | undefined): Promise<Exit> {
  const exit = await new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ error }));
    // 128 + signal, as shells and bubblewrap write it.
    child.once('close', (code) => resolve({ code: code ?? 137 }));
  });
  await group?.remove();
  return exit;
}
