import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boxArguments } from './bwrap.js';
import { findGpus, gpuClass, type GpuPlaces } from './find-gpus.js';
import { Leases } from './leases.js';
import { DEFAULT_LIMITS } from './limits.js';
import type { Python } from './python.js';

// Faked: the driver's files in /proc and /dev, by ordinary ones. `npm run gpu` does it with a real GPU, in a real box.
let root: string;
let python: Python;
let places: GpuPlaces;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'weighbridge-gpus-'));
  const at = (...names: string[]): string => path.join(root, ...names);
  const write = async (file: string, text: string): Promise<void> => {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  await write(
    at('proc', 'version'),
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (x@y)  Mon\nGCC version: gcc 13.3.0\n',
  );
  for (const minor of [1, 0])
    await write(
      at('proc', 'gpus', `0000:0${minor}:00.0`, 'information'),
      `Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 97\nGPU UUID: \t GPU-${minor}\nDevice Minor: \t ${minor}\n`,
    );
  for (const name of ['nvidiactl', 'nvidia-uvm', 'nvidia-uvm-tools', 'nvidia0', 'nvidia1'])
    await write(at('dev', name), '');
  await write(at('driver', 'libcuda.so.580.159.04'), '');
  await symlink('libcuda.so.580.159.04', at('driver', 'libcuda.so.1'));
  for (const name of ['jax_cuda13_plugin-0.12.0.1.dist-info', 'nvidia_cublas-13.10.0.20.dist-info', 'numpy'])
    await mkdir(at('packages', name), { recursive: true });
  await mkdir(at('plain', 'numpy'), { recursive: true });
  python = { executable: '/usr/bin/python3', prefix: '/usr', packages: at('packages') };
  places = { driver: at('proc'), dev: at('dev'), libraries: [at('nowhere'), at('driver')] };
});
afterAll(async () => rm(root, { recursive: true }));

describe('the GPUs of a host', () => {
  it('are those that the driver lists and the worker is told to use', async () => {
    const all = await findGpus('all', python, places);
    expect(all.map(({ minor }) => minor)).toEqual([0, 1]);
    expect(await findGpus('auto', python, places)).toEqual(all);
    expect(await findGpus([1], python, places)).toEqual(all.slice(1));
    expect(await findGpus('none', python, places)).toEqual([]);
    expect(gpuClass(all[0] as never)).toMatch(/^gpu NVIDIA-H100-80GB-HBM3 580\.159\.04 [0-9a-f]{8}$/);
  });

  it('are of another class with other CUDA packages', async () => {
    const [now] = await findGpus([0], python, places);
    const newer = { ...python, packages: path.join(root, 'newer') };
    await mkdir(path.join(newer.packages, 'jax_cuda13_plugin-0.12.1.dist-info'), { recursive: true });
    const [later] = await findGpus([0], newer, places);
    expect(gpuClass(later as never)).not.toBe(gpuClass(now as never));
  });

  it('are none, without a fault, where there is no driver or no CUDA in the environment', async () => {
    expect(await findGpus('auto', python, { ...places, driver: path.join(root, 'nowhere') })).toEqual([]);
    expect(await findGpus('auto', { ...python, packages: path.join(root, 'plain') }, places)).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['no driver', async () => findGpus('all', python, { ...places, driver: root }), /no NVIDIA driver/],
    ['no CUDA', async () => findGpus([0], { ...python, packages: path.join(root, 'plain') }, places), /no CUDA/],
    ['a GPU that is not there', async () => findGpus([0, 7], python, places), /no GPU 7/],
    ['no library', async () => findGpus('auto', python, { ...places, libraries: [root] }), /libcuda\.so\.1/],
    ['no device file', async () => findGpus('auto', python, { ...places, dev: root }), /nvidiactl is not there/],
  ])('are refused with the way to mend it: %s', async (_name, find, message) => {
    await expect(find()).rejects.toMatchObject({
      code: 'SANDBOX_UNAVAILABLE',
      message: expect.stringMatching(message) as string,
    });
  });

  it('are refused if they are of two models: a worker tells one class', async () => {
    const mixed = path.join(root, 'mixed');
    for (const [minor, model] of ['A', 'B'].entries()) {
      await mkdir(path.join(mixed, 'gpus', model), { recursive: true });
      await writeFile(path.join(mixed, 'gpus', model, 'information'), `Model: ${model}\nDevice Minor: ${minor}\n`);
    }
    await writeFile(path.join(mixed, 'version'), 'NVRM version: NVIDIA x86_64  580.1.2  Release\n');
    const there = { ...places, driver: mixed };
    await expect(findGpus('all', python, there)).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' });
    expect(await findGpus([1], python, there)).toHaveLength(1);
  });
});

describe('a box with a GPU', () => {
  it('has its device files and no other GPU, the driver read-only, and a fixed environment', async () => {
    const [, gpu] = await findGpus('all', python, places);
    const args = await boxArguments(python, '/trainer', DEFAULT_LIMITS, gpu);
    const valuesOf = (flag: string): string[] => args.flatMap((arg, k) => (arg === flag ? [args[k + 2] ?? ''] : []));
    expect(valuesOf('--dev-bind')).toEqual(['/dev/nvidiactl', '/dev/nvidia-uvm', '/dev/nvidia1']);
    expect(args.join(' ')).toContain(`--ro-bind ${path.join(root, 'driver')} /driver`);
    expect(args.join(' ')).toContain('--setenv JAX_PLATFORMS cuda');
    expect(args.join(' ')).toContain('--setenv MALLOC_ARENA_MAX 4');
    expect(args.join(' ')).toContain('--setenv LD_LIBRARY_PATH /usr/lib:/driver');
    // A procfs of its own, with nothing of the host's left in it.
    expect(args.join(' ')).toContain('--proc /proc');
    for (const name of ['cmdline', 'meminfo', 'version']) expect(args).toContain(`/proc/${name}`);
    expect(args.join(' ')).toContain('--tmpfs /proc/sys --ro-bind');
    // Made read-only once the device files are in it.
    expect(args.lastIndexOf('--dev-bind')).toBeGreaterThan(args.indexOf('--dev'));
    expect(args.lastIndexOf('--dev-bind')).toBeLessThan(
      args.findIndex((arg, k) => arg === '/dev' && args[k - 1] === '--remount-ro'),
    );
  });

  it('takes libraries from where they are if those are the system ones; without a GPU nothing of it is there', async () => {
    const [gpu] = await findGpus('all', python, places);
    const libraries = '/usr/lib/x86_64-linux-gnu';
    const args = await boxArguments(python, '/trainer', DEFAULT_LIMITS, gpu && { ...gpu, libraries });
    expect(args).not.toContain('/driver');
    expect(args).toContain(`/usr/lib:${libraries}`);
    const plain = (await boxArguments(python, '/trainer', DEFAULT_LIMITS)).join(' ');
    expect(plain).not.toMatch(/nvidia|cuda|dev-bind|--proc/i);
    expect(plain).toContain('--remount-ro /proc');
  });
});

describe('the leases of GPUs', () => {
  const never = new AbortController().signal;

  it('give each to one job at a time, in the order in which jobs came', async () => {
    const leases = new Leases(['a', 'b']);
    expect([await leases.take(never), await leases.take(never)]).toEqual(['a', 'b']);
    const got: string[] = [];
    const [third, fourth] = ['third', 'fourth'].map(async (name) => {
      const thing = await leases.take(never);
      got.push(`${name} ${thing}`);
    });
    await Promise.resolve();
    expect(got).toEqual([]);
    leases.give('b');
    leases.give('a');
    await Promise.all([third, fourth]);
    expect(got).toEqual(['third b', 'fourth a']);
  });

  it('a job that is stopped while it waits takes none', async () => {
    const leases = new Leases(['a']);
    await leases.take(never);
    const stopped = new AbortController();
    const waiting = leases.take(stopped.signal);
    const next = leases.take(never);
    stopped.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    await expect(leases.take(stopped.signal)).rejects.toThrow('cancelled');
    leases.give('a');
    expect(await next).toBe('a');
  });
});
