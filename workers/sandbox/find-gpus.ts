import { access, readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { unavailable } from './errors.js';
import { inspectPython, type Python } from './python.js';

/** Which GPUs jobs may have. `auto`: all of the host's if the trainer's environment can use them, else none. */
export type GpuChoice = 'auto' | 'none' | 'all' | readonly number[];

/** One GPU, and what a process needs to use it. */
export interface Gpu {
  /** The N of `/dev/nvidiaN`. */
  minor: number;
  model: string;
  /** Version of the kernel's driver. */
  driver: string;
  /** Device files: those that every user of the driver opens, then its own. */
  nodes: string[];
  /** Directory of the driver's own libraries; they belong to this driver and come with no package. */
  libraries: string;
  /** Digest of the CUDA packages that compile for it. */
  cuda: string;
}

export interface GpuPlaces {
  driver: string;
  dev: string;
  libraries: readonly string[];
}

const LIBRARY = 'libcuda.so.1';
const PLACES: GpuPlaces = {
  driver: '/proc/driver/nvidia',
  dev: '/dev',
  libraries: [
    ...(process.env['LD_LIBRARY_PATH'] ?? '').split(path.delimiter).filter((directory) => path.isAbsolute(directory)),
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
    '/usr/lib64',
    '/usr/lib',
    '/usr/local/nvidia/lib64',
    '/usr/local/nvidia/lib',
  ],
};
/** `nvidia-uvm-tools` is for profilers and debuggers: no box gets it. */
const CONTROL = ['nvidiactl', 'nvidia-uvm'];
const INSTALL = 'Run: WEIGHBRIDGE_CUDA=yes npm run setup';

/** `findGpus` for the trainer's environment in a directory, whose interpreter is asked only where it matters. */
export async function gpusOfHost(choice: GpuChoice, pythonDir: string): Promise<Gpu[]> {
  return choice === 'none' ? [] : findGpus(choice, await inspectPython(pythonDir));
}

/**
 * The GPUs that `choice` names, by the kernel driver's own account of them.
 * @throws WeighbridgeError SANDBOX_UNAVAILABLE if one that is named cannot be used, or they are of several models: a worker tells one class
 */
export async function findGpus(choice: GpuChoice, python: Python, places: GpuPlaces = PLACES): Promise<Gpu[]> {
  if (choice === 'none') return [];
  const [driver, cuda] = await Promise.all([driverVersion(places), cudaPackages(python)]);
  if (choice === 'auto' && (driver === undefined || cuda === undefined)) return [];
  if (driver === undefined)
    throw unavailable('the host has no NVIDIA driver', 'Unset WORKER_GPUS to train on processors.');
  if (cuda === undefined) throw unavailable("the trainer's environment has no CUDA", INSTALL);
  const listed = await listGpus(places);
  const chosen = typeof choice === 'string' ? listed : choice.map((minor) => named(minor, listed));
  if (chosen.length === 0) throw unavailable('the driver lists no GPU', 'Look at what nvidia-smi says.');
  if (new Set(chosen.map(({ model }) => model)).size > 1) {
    const models = chosen.map(({ minor, model }) => `${minor} ${model}`).join(', ');
    throw unavailable(`the GPUs are of several models (${models})`, 'Start a worker for each model, with WORKER_GPUS.');
  }
  const libraries = await driverLibraries(places);
  return Promise.all(
    chosen.map(async ({ minor, model }) => ({
      minor,
      model,
      driver,
      libraries,
      cuda,
      nodes: await deviceFiles([...CONTROL, `nvidia${minor}`].map((name) => path.join(places.dev, name))),
    })),
  );
}

/** What compiled programs are made for, beside the processor that draws the noise. */
export function gpuClass({ model, driver, cuda }: Gpu): string {
  return `gpu ${model.replaceAll(/[^A-Za-z0-9.]+/g, '-')} ${driver} ${cuda}`;
}

async function driverVersion({ driver }: GpuPlaces): Promise<string | undefined> {
  const text = await readFile(path.join(driver, 'version'), 'utf8').catch(() => '');
  return /^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s/m.exec(text)?.[1];
}

async function listGpus({ driver }: GpuPlaces): Promise<{ minor: number; model: string }[]> {
  const directory = path.join(driver, 'gpus');
  const names = await readdir(directory).catch(() => []);
  const texts = await Promise.all(
    names.map(async (name) => readFile(path.join(directory, name, 'information'), 'utf8')),
  );
  const found = texts.flatMap((text) => {
    const [model, minor] = [/^Model:\s*(.+?)\s*$/m.exec(text)?.[1], /^Device Minor:\s*(\d+)\s*$/m.exec(text)?.[1]];
    return model === undefined || minor === undefined ? [] : [{ model, minor: Number(minor) }];
  });
  return found.toSorted((a, b) => a.minor - b.minor);
}

function named<T extends { minor: number }>(minor: number, listed: readonly T[]): T {
  const found = listed.find((gpu) => gpu.minor === minor);
  if (found !== undefined) return found;
  const there = listed.map((gpu) => gpu.minor).join(', ');
  throw unavailable(`there is no GPU ${minor}`, `Name some of these in WORKER_GPUS: ${there || 'none'}.`);
}

/** The directory that the library is really in: some systems reach it through links that lead outside of /usr. */
async function driverLibraries({ libraries }: GpuPlaces): Promise<string> {
  for (const directory of libraries) {
    const found = await realpath(path.join(directory, LIBRARY)).catch(() => undefined);
    if (found !== undefined) return path.dirname(found);
  }
  throw unavailable(
    `${LIBRARY} of the NVIDIA driver is not there`,
    "Install the driver's libraries (Debian: apt-get install -y libcuda1), or put their directory into LD_LIBRARY_PATH.",
  );
}

/** All of these, or the first that is missing is named: one after another, so that it is always the same one. */
async function deviceFiles(files: string[]): Promise<string[]> {
  for (const file of files) {
    await access(file).catch((error: unknown) => {
      throw unavailable(`${file} is not there`, 'Run: nvidia-modprobe -u -c 0', error);
    });
  }
  return files;
}

/** Digest of the names and versions of what compiles and runs programs on a GPU; undefined if it is not installed. */
async function cudaPackages({ packages }: Python): Promise<string | undefined> {
  const installed = await readdir(packages).catch(() => []);
  const names = installed.filter((name) => /^(jax_cuda|nvidia_).*\.dist-info$/.test(name));
  if (!names.some((name) => name.startsWith('jax_cuda'))) return undefined;
  return createHash('sha256').update(names.sort().join('\n')).digest('hex').slice(0, 8);
}
