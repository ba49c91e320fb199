import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { buffer, text } from 'node:stream/consumers';
import { z } from 'zod';
import { startBox, type Blueprint, type BoxInfo } from './box.js';
import { ENVIRONMENT_NAMES, ROOT_NAMES } from './bwrap.js';
import { unavailable } from './errors.js';
import type { Gpu } from './find-gpus.js';
import { GPU_PROC, gpuNodeNames } from './gpu-box.js';
import { trainerIdentity, type TrainerIdentity } from '../../src/provenance/index.js';

const MODULE = 'weighbridge_trainer.probe';

const probeSchema = z.strictObject({
  // The class of the processor is the host's to say.
  ...trainerIdentity.omit({ device: true }).shape,
  socket: z.string(),
  fork: z.string(),
  writable: z.array(z.string()),
  proc: z.array(z.string()),
  root: z.array(z.string()),
  etc: z.array(z.string()),
  environment: z.array(z.string()),
  capabilities: z.number(),
  seccomp: z.number(),
  /** Device files of GPUs, and how many GPUs the compiler finds; 0 where there is no such file. */
  gpuNodes: z.array(z.string()),
  gpus: z.number(),
  gpuFault: z.string().nullable(),
  /** Names of its file for sealed rows; null without one. */
  spool: z.number().nullable(),
});
/** What was seen from inside, and which namespaces the box shares with the worker, as the worker's own kernel tells. */
type Probe = z.infer<typeof probeSchema> & { shared: string[] };

const MEND_CUDA =
  'Run: WEIGHBRIDGE_CUDA=yes npm run setup (CUDA 13 needs driver 580), or unset WORKER_GPUS to train on processors.';
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'] as const;

/**
 * Starts a real box and looks out of it. Every promise of the sandbox is tried, none is taken from the arguments: a host
 * where one does not hold must not train.
 * @returns what the trainer is, as it goes into the provenance record: read from a box that never sees a row
 * @throws WeighbridgeError SANDBOX_UNAVAILABLE
 */
export async function probeBox(blueprint: Blueprint): Promise<TrainerIdentity> {
  const probe = await runProbe(blueprint);
  const broken = brokenPromises(probe, blueprint.gpu, blueprint.limits.spools !== undefined);
  if (broken.length > 0) {
    const next = probe.gpuFault === null ? await remedy() : MEND_CUDA;
    throw unavailable(`the sandbox does not hold on this host: ${broken.join('; ')}`, next);
  }
  const { name, version, jax, jaxlib, python, threads } = probe;
  return { name, version, jax, jaxlib, python, threads, device: blueprint.device };
}

/** The promises that a probe saw broken. */
export function brokenPromises(probe: Probe, gpu?: Gpu, spools = false): string[] {
  const unexpected = (names: string[], known: readonly string[]): boolean =>
    names.some((name) => !known.includes(name));
  const checks: [boolean, string][] = [
    [probe.socket === 'EPERM', 'a socket can be opened'],
    [probe.shared.length === 0, `it shares namespaces with the worker (${probe.shared.join(', ')})`],
    [probe.fork === 'EPERM', 'a process can be started'],
    [probe.writable.length === 0, `it can write to ${probe.writable.join(', ')}`],
    [
      !unexpected(probe.proc, gpu === undefined ? ['cpuinfo'] : GPU_PROC),
      'it sees the processes and the kernel of the host',
    ],
    [!unexpected(probe.root, ROOT_NAMES), 'it sees other directories'],
    [probe.etc.length === 0, 'it sees /etc'],
    [!unexpected(probe.environment, ENVIRONMENT_NAMES), "it sees the host's environment"],
    [probe.capabilities === 0, 'it has capabilities'],
    [probe.seccomp === 2, 'no system call is filtered'],
    [!unexpected(probe.gpuNodes, gpuNodeNames(gpu)), 'it sees other GPUs'],
    [probe.gpus === (gpu === undefined ? 0 : 1), gpu === undefined ? 'it can use a GPU' : cannotCompute(probe)],
    [probe.spool === (spools ? 0 : null), spools ? 'it has no file of its own for rows' : 'it can write to a disk'],
  ];
  return checks.filter(([holds]) => !holds).map(([, message]) => message);
}

function cannotCompute({ gpuFault }: Probe): string {
  return `it cannot use its GPU (${gpuFault ?? 'CUDA finds none'})`;
}

async function runProbe(blueprint: Blueprint): Promise<Probe> {
  const { probeTimeoutMs } = blueprint.limits;
  const box = startBox(blueprint, MODULE, (probeTimeoutMs / 1000) * availableParallelism());
  const timer = setTimeout(() => box.destroy(), probeTimeoutMs);
  try {
    box.stdin.end();
    const [output, said, exit, info] = await Promise.all([buffer(box.stdout), text(box.stderr), box.exited, box.info]);
    if ('error' in exit) throw unavailable('the sandbox cannot be started', await remedy(), exit.error);
    if (exit.code !== 0) {
      throw unavailable(`a box ended with code ${exit.code}: ${lastLine(said)}`, await remedy());
    }
    return { ...probeSchema.parse(JSON.parse(output.toString('utf8'))), shared: await sharedNamespaces(info) };
  } finally {
    clearTimeout(timer);
    box.destroy();
  }
}

/** The namespaces that the box has in common with the worker: network devices and processes live in them. */
async function sharedNamespaces(info: BoxInfo | undefined): Promise<string[]> {
  const own = await Promise.all(NAMESPACES.map(async (name) => (await stat(`/proc/self/ns/${name}`)).ino));
  return NAMESPACES.filter((name, k) => [undefined, own[k]].includes(info?.[`${name}-namespace`]));
}

/** The last thing that it said: bubblewrap's own complaint, or the end of a Python traceback. No job has run yet. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}

/** The one command that lets an ordinary user make namespaces, by what this kernel forbids. */
async function remedy(): Promise<string> {
  const forbids = async (name: string, value: string): Promise<boolean> =>
    (await readFile(`/proc/sys/${name}`, 'utf8').catch(() => '')).trim() === value;
  if (await forbids('kernel/apparmor_restrict_unprivileged_userns', '1')) {
    return 'Run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  }
  if (await forbids('kernel/unprivileged_userns_clone', '0'))
    return 'Run: sysctl -w kernel.unprivileged_userns_clone=1';
  if (await forbids('user/max_user_namespaces', '0')) return 'Run: sysctl -w user.max_user_namespaces=10000';
  return 'Run the worker where user namespaces may be made (in a container: with --security-opt seccomp=unconfined).';
}
