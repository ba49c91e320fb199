import { readdir } from 'node:fs/promises';
import type { Gpu } from './find-gpus.js';

/** Where the driver's libraries stand in a box, unless they are among the system's. */
const DRIVER = '/driver';
/** The largest share of a GPU's memory that a box takes at its start; the rest is CUDA's own. */
const MEMORY_SHARE = '0.9';

/**
 * System calls that CUDA's libraries make beside the trainer's own. `ioctl` on the device files, which is how they talk to the
 * driver, is among the trainer's. CUDA does not start unless it can listen on a unix socket; a box has a network namespace of
 * its own and no socket file, so nobody is at the other end, and without `sendmsg` no descriptor passes. The compiler of a GPU's
 * programs starts NVIDIA's assembler and linker: there are no other programs in a box but Python, and `fork` stays refused.
 */
export const GPU_CALLS: readonly string[] = [
  'posix_spawn',
  'socket-unix',
  'bind',
  'listen',
  'connect',
  'setsockopt',
  'get_mempolicy',
  'sched_get_priority_max',
  'sched_get_priority_min',
  'sysinfo',
];
/** Memory of the host that CUDA and the compiler of a GPU's programs take for themselves, beside what a job may use. */
export const GPU_OWN_BYTES = 32 * 2 ** 30;
/** Descriptors of a box with a GPU: CUDA opens its device files once a context and queue. */
export const GPU_OPEN_FILES = 1_024;
export const GPU_ENVIRONMENT = {
  JAX_PLATFORMS: 'cuda',
  // The one whose device file is there.
  CUDA_VISIBLE_DEVICES: '0',
  CUDA_CACHE_DISABLE: '1',
  // Where the compiler finds assembler, linker and its bitcode library.
  CUDA_ROOT: '/packages/nvidia/cu13',
  XLA_FLAGS: [
    // Kernels are chosen by rule and not by what was fastest this time, and none adds up in an order that changes from run to run.
    '--xla_gpu_deterministic_ops=true',
    '--xla_gpu_enable_triton_gemm=false',
  ].join(' '),
  // Taken whole at the start, so that it can be overwritten and nobody else has it: a GPU serves one box.
  XLA_PYTHON_CLIENT_MEM_FRACTION: MEMORY_SHARE,
};

/** bubblewrap's arguments for its device files; they follow `--dev /dev`, and the read-only remount follows them. */
export function gpuDevices({ nodes }: Gpu): string[] {
  return nodes.flatMap((file) => ['--dev-bind', file, inDev(file)]);
}

/** What CUDA reads in procfs beside what it says of the process itself. */
const PROC_FILES = ['/proc/driver/nvidia/params', '/proc/sys/vm/mmap_min_addr'];
/** Left as they are: the box's own file, the numbers of device drivers, and what leads to the process itself. */
const PROC_LEFT = ['cpuinfo', 'devices', 'driver', 'sys'];
/** Names in a box's procfs from which something can be read: beside these the box's two processes. */
export const GPU_PROC = [...PROC_LEFT, '1', '2'];

/**
 * bubblewrap's arguments for a procfs of the box's own processes: CUDA ends unless it can name its threads there. All else that the
 * kernel tells in it of the host is covered up, name by name.
 */
export async function gpuProc(): Promise<string[]> {
  const entries = await readdir('/proc', { withFileTypes: true });
  const covered = entries
    .filter((entry) => !/^\d+$/.test(entry.name) && !entry.isSymbolicLink() && !PROC_LEFT.includes(entry.name))
    .flatMap((entry) => {
      const file = `/proc/${entry.name}`;
      return entry.isDirectory() ? ['--tmpfs', file, '--remount-ro', file] : ['--ro-bind', '/dev/null', file];
    });
  const kept = PROC_FILES.flatMap((file) => ['--ro-bind', file, file]);
  const directories = ['/proc/driver', '/proc/sys'];
  return [
    '--proc',
    '/proc',
    ...covered,
    ...directories.flatMap((directory) => ['--tmpfs', directory]),
    ...kept,
    ...directories.flatMap((directory) => ['--remount-ro', directory]),
  ];
}

/** Mounts of the driver's own libraries, where the system's libraries do not hold them. */
export function gpuLibraries(gpu: Gpu): string[] {
  return isSystems(gpu) ? [] : ['--ro-bind', gpu.libraries, DRIVER];
}

/** Where they are inside. */
export function gpuLibraryPath(gpu: Gpu): string {
  return isSystems(gpu) ? gpu.libraries : DRIVER;
}

/** Names of its device files, as the box has them. */
export function gpuNodeNames(gpu: Gpu | undefined): string[] {
  return (gpu?.nodes ?? []).map((file) => inDev(file).slice('/dev/'.length));
}

function inDev(file: string): string {
  return `/dev/${file.slice(file.lastIndexOf('/') + 1)}`;
}

function isSystems({ libraries }: Gpu): boolean {
  return /^\/(usr\/)?lib(32|64|x32)?\//.test(`${libraries}/`);
}
