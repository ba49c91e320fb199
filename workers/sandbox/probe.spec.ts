import { describe, expect, it } from 'vitest';
import { brokenPromises } from './probe.js';

const sound: Parameters<typeof brokenPromises>[0] = {
  name: 'weighbridge-trainer',
  version: '0.1.0',
  jax: '0.10.2',
  jaxlib: '0.10.2',
  python: '3.12.1',
  threads: 2,
  socket: 'EPERM',
  fork: 'EPERM',
  writable: [],
  shared: [],
  proc: ['cpuinfo'],
  root: ['app', 'dev', 'lib', 'lib64', 'packages', 'proc', 'python', 'tmp', 'usr'],
  etc: [],
  environment: ['HOME', 'PATH', 'PYTHONPATH', 'TMPDIR'],
  capabilities: 0,
  seccomp: 2,
  gpuNodes: [],
  gpus: 0,
  gpuFault: null,
  spool: null,
};

describe('the probe of a box', () => {
  it('is content with a sound one', () => {
    expect(brokenPromises(sound)).toEqual([]);
  });

  it.each<[string, Partial<typeof sound>]>([
    ['a connection', { socket: '' }],
    ['a socket that only found no route: the filter is not there', { socket: 'ENETUNREACH' }],
    ["the host's network", { shared: ['net'] }],
    ['a process started', { fork: '' }],
    ['a file written', { writable: ['/dev/shm'] }],
    ['the processes of the host', { proc: ['1', '80', 'cpuinfo', 'uptime'] }],
    ["the host's home", { root: [...sound.root, 'home'] }],
    ['/etc', { etc: ['passwd'] }],
    ["a variable of the host's", { environment: ['HOME', 'DATABASE_URL'] }],
    ['a capability', { capabilities: 0x20_0000 }],
    ['no filter of system calls', { seccomp: 0 }],
    ["a GPU's device file", { gpuNodes: ['nvidia0'] }],
    ['a GPU', { gpus: 1 }],
    ["a file of the host's", { spool: 0 }],
  ])('refuses one with %s', (_name, change) => {
    expect(brokenPromises({ ...sound, ...change })).toHaveLength(1);
  });

  it('of a box with a spool wants one that has no name', () => {
    expect(brokenPromises({ ...sound, spool: 0 }, undefined, true)).toEqual([]);
    for (const spool of [null, 1, -1]) expect(brokenPromises({ ...sound, spool }, undefined, true)).toHaveLength(1);
  });

  it('of a box with a GPU finds this one and no other', () => {
    const nodes = ['/dev/nvidiactl', '/dev/nvidia-uvm', '/dev/nvidia1'];
    const gpu = { minor: 1, model: 'H100', driver: '580.1', nodes, libraries: '/usr/lib', cuda: '00000000' };
    const seen = { ...sound, gpuNodes: ['nvidia-uvm', 'nvidia1', 'nvidiactl'], gpus: 1 };
    expect(brokenPromises(seen, gpu)).toEqual([]);
    expect(brokenPromises({ ...seen, gpuNodes: [...seen.gpuNodes, 'nvidia0'] }, gpu)).toEqual(['it sees other GPUs']);
    expect(brokenPromises({ ...seen, gpus: 0 }, gpu)).toEqual(['it cannot use its GPU (CUDA finds none)']);
    // As where CUDA was installed in part: it finds the GPU, and no job would compile.
    expect(brokenPromises({ ...seen, gpus: 0, gpuFault: 'libdevice not found' }, gpu)).toEqual([
      'it cannot use its GPU (libdevice not found)',
    ]);
  });
});
