// Real: bubblewrap, seccomp, Python. Broken on purpose: one wall of the box at a time, to see which other one holds, and that
// sandbox-escape.spec.ts would name the attempt if none did. Faked: nothing.
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { escape } from '../support/escape.js';

/** The system calls by which each attempt would come through, if the filter let them pass. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  'socket IPv4': ['socket', 'connect'],
  'socket IPv6': ['socket', 'connect'],
  'socket unix': ['socket', 'connect'],
  'socket netlink': ['socket'],
  'socket pair': ['socketpair'],
  ptrace: ['ptrace'],
  "read another process's memory": ['process_vm_readv'],
  mount: ['mount'],
  unmount: ['umount2'],
  'pivot the root': ['chroot'],
  'new namespaces': ['unshare'],
  'enter a namespace': ['setns'],
  io_uring: ['io_uring_setup'],
  'keyring: read': ['keyctl'],
  'keyring: add': ['add_key'],
  bpf: ['bpf'],
  'perf events': ['perf_event_open'],
  userfaultfd: ['userfaultfd'],
  'memory outside the limit: memfd': ['memfd_create'],
  'memory outside the limit: System V': ['shmget'],
  fork: ['clone'],
  'start a program': ['posix_spawn'],
  'signal to the parent': ['kill'],
  'signal to everybody': ['kill'],
  'signal to a thread of the parent': ['tgkill'],
  'hold the parent by a descriptor': ['pidfd_open'],
  "lower the parent's limits": ['prlimit64'],
  'change the host name': ['sethostname'],
  'change the clock': ['clock_settime'],
  'take back another user': ['setuid'],
  symlink: ['symlink', 'symlinkat'],
  'hard link': ['link', 'linkat'],
  device: ['mknod', 'mknodat'],
  'name the spool': ['linkat'],
  "make the spool a program of root's": ['fchmod'],
};
/** What is refused for want of a capability answers as the filter does. Of these a namespace of one's own gives it, of the others nothing. */
const CAPABILITIES = ['mount', 'unmount', 'pivot the root', 'change the host name'];
const HOST_CAPABILITIES = ['change the clock', 'device'];
/** Kernels that refuse the call to everybody, whatever the filter says. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  ptrace: '/proc/sys/kernel/yama/ptrace_scope',
  io_uring: '/proc/sys/kernel/io_uring_disabled',
};

async function forbids(attempt: string): Promise<boolean> {
  const file = FORBIDDEN[attempt];
  const value = file === undefined ? '0' : await readFile(file, 'utf8').catch(() => '0');
  return value.trim() !== '0';
}

/** What each attempt is stopped by, as docs/sandbox.md tells buyers and sellers. */
let documented: Map<string, string>;

beforeAll(async () => {
  const page = await readFile('docs/sandbox.md', 'utf8');
  const rows = page.split('## What was tried')[1]?.matchAll(/^\| (.+) \| (.+) \|$/gm) ?? [];
  documented = new Map([...rows].map(([, attempt = '', wall = '']) => [attempt, wall]));
});

describe('the filter of a box', () => {
  it('is what the documentation says it is, row by row', () => {
    const filtered = [...documented].filter(([, wall]) => wall.startsWith('seccomp')).map(([attempt]) => attempt);
    expect(filtered).toEqual(Object.keys(CALLS));
  });

  it('holds by itself, against a program that has every capability of namespaces of its own', async () => {
    const others = Object.keys(CALLS).filter((attempt) => attempt !== 'new namespaces');
    const { attempts } = await escape({ attempts: others, capable: true }, ['unshare']);
    expect(attempts).toEqual(Object.fromEntries(others.map((attempt) => [attempt, 'EPERM'])));
  });

  it.each(Object.entries(CALLS))(
    '%s: gone, what is left is the second wall of its row, or none',
    async (attempt, allowed) => {
      const error = (await escape({ attempts: [attempt] }, allowed)).attempts[attempt];
      const second = documented.get(attempt)?.includes('; ') === true;
      if ([...CAPABILITIES, ...HOST_CAPABILITIES].includes(attempt) || (await forbids(attempt))) {
        expect(error).toBe('EPERM');
      } else {
        // The kernel's own answer: had the filter lost this call, the escape spec would have named the attempt.
        expect(error).toMatch(second ? /^E(?!PERM)/ : /^(?!EPERM)(E|$)/);
      }
    },
  );

  it.each(CAPABILITIES)('%s: told by its name where filter and want of capabilities are both gone', async (attempt) => {
    const { attempts } = await escape({ attempts: [attempt], capable: true }, ['unshare', ...(CALLS[attempt] ?? [])]);
    // The kernel says EINVAL of a mount that it locked to those that came with it.
    expect(attempts[attempt]).toBe(attempt === 'unmount' ? 'EINVAL' : '');
  });
});
