import { describe, expect, it } from 'vitest';
import { brokenPromises } from './probe.js';

const sound: Parameters<typeof brokenPromises>[0] = {
  name: 'weighbridge-trainer',
  version: '0.1.0',
  jax: '0.10.2',
  socket: 'EPERM',
  fork: 'EPERM',
  write: 'EROFS',
  interfaces: ['lo'],
  processes: 2,
  root: ['app', 'dev', 'lib', 'lib64', 'opt', 'packages', 'proc', 'tmp', 'usr'],
  etc: [],
  environment: ['HOME', 'PATH', 'PYTHONPATH', 'TMPDIR'],
  capabilities: '0000000000000000',
  seccomp: '2',
};

describe('the probe of a box', () => {
  it('is content with a sound one', () => {
    expect(brokenPromises(sound, '/opt/python')).toEqual([]);
  });

  it.each<[string, Partial<typeof sound>]>([
    ['a connection', { socket: '' }],
    ['a socket that only found no route: the filter is not there', { socket: 'ENETUNREACH' }],
    ['a network device', { interfaces: ['lo', 'eth0'] }],
    ['a process started', { fork: '' }],
    ['a file written', { write: '' }],
    ['the processes of the host', { processes: 80 }],
    ["the host's home", { root: [...sound.root, 'home'] }],
    ['/etc', { etc: ['passwd'] }],
    ["a variable of the host's", { environment: ['HOME', 'DATABASE_URL'] }],
    ['a capability', { capabilities: '0000000000200000' }],
    ['no filter of system calls', { seccomp: '0' }],
  ])('refuses one with %s', (_name, change) => {
    expect(brokenPromises({ ...sound, ...change }, '/opt/python')).toHaveLength(1);
  });
});
