// Real: bubblewrap, seccomp, Python, the trainer's probe. No job runs.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawBlueprint, startBox } from '../../workers/sandbox/box.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { DEFAULT_LIMITS } from '../../workers/sandbox/limits.js';
import { probeBox } from '../../workers/sandbox/probe.js';

const pythonDir = path.resolve('.weighbridge/python/trainer');
const trainerDir = path.resolve('workers/trainer/src');

/** How a box is made with a hole, and what the probe says of it, in the order in which it looks. */
const HOLES: [(args: string[]) => string[], ...string[]][] = [
  [(args) => without(args, '--seccomp'), 'a socket can be opened'],
  [(args) => [...args, '--share-net'], 'it shares namespaces with the worker (net)', 'a process can be started'],
  [(args) => [...args, '--tmpfs', '/dev/shm'], 'it can write to /dev/shm'],
  [(args) => [...args, '--ro-bind', '/proc', '/proc'], 'it sees the processes and the kernel of the host'],
  [(args) => ['--ro-bind', '/etc', '/etc', ...args], 'it sees other directories', 'it sees /etc'],
  [(args) => [...args, '--setenv', 'DATABASE_URL', 'x'], "it sees the host's environment"],
  // Of the first one.
  [(args) => args, 'no system call is filtered'],
];

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-host-'))));
afterAll(async () => rm(directory, { recursive: true }));

describe('a host on which the sandbox does not hold', { timeout: 120_000 }, () => {
  it('trains nothing, and names each promise that a box breaks', async () => {
    const blueprint = await drawBlueprint(pythonDir, trainerDir, DEFAULT_LIMITS);
    const args = HOLES.reduce((made, [change]) => change(made), blueprint.args);
    const error: unknown = await probeBox({ ...blueprint, args }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SANDBOX_UNAVAILABLE', next: expect.stringMatching(/^Run/) });
    const [, ...named] = (error as Error).message.split(/: |; /);
    expect(named).toEqual(HOLES.flatMap(([, ...messages]) => messages));
  });

  it('no Python environment, and none that can run the trainer', async () => {
    const nowhere = createSandboxTrainer({ pythonDir: directory, trainerDir });
    await expect(nowhere.assertAvailable()).rejects.toMatchObject({
      code: 'SANDBOX_UNAVAILABLE',
      next: 'Run: npm run setup',
    });
    const empty = createSandboxTrainer({ pythonDir, trainerDir: directory });
    await expect(empty.assertAvailable()).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' });
  });
});

/** bubblewrap's arguments less one flag and its value. */
function without(args: string[], flag: string): string[] {
  const at = args.indexOf(flag);
  return args.toSpliced(at, 2);
}

describe('the limits of a cgroup', { timeout: 120_000 }, () => {
  // Faked: the file system of cgroups, by a directory of ordinary files; not every host delegates one to tests.
  it('are set before a box starts, which is in it from its first moment', async () => {
    const cgroupDir = await mkdtemp(path.join(directory, 'cgroup-'));
    await writeFile(path.join(cgroupDir, 'cgroup.subtree_control'), 'cpu memory pids\n');
    const limits = { ...DEFAULT_LIMITS, addressSpaceBytes: 3 * 2 ** 30, cgroupDir };
    const box = startBox(await drawBlueprint(pythonDir, trainerDir, limits), 'weighbridge_trainer', 60);
    const inside = await box.info;
    const [name = ''] = (await readdir(cgroupDir)).filter((entry) => entry.startsWith('box-'));
    const group = path.join(cgroupDir, name);
    const read = async (file: string): Promise<string> => readFile(path.join(group, file), 'utf8');
    expect(await read('memory.max')).toBe(String(3 * 2 ** 30));
    expect([await read('memory.swap.max'), await read('pids.max')]).toEqual(['0', '1024']);
    const status = await readFile(`/proc/${inside?.['child-pid']}/status`, 'utf8');
    expect(status).toContain(`PPid:\t${(await read('cgroup.procs')).trim()}\n`);
    box.destroy();
    await box.exited;
    expect(await read('cgroup.kill')).toBe('1');
  });

  it('that the host does not have are no limits: nothing is trained', async () => {
    const limits = { ...DEFAULT_LIMITS, cgroupDir: directory };
    await expect(drawBlueprint(pythonDir, trainerDir, limits)).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' });
  });
});

describe('a box', { timeout: 120_000 }, () => {
  it('leaves no process behind, however early it ends', async () => {
    const blueprint = await drawBlueprint(pythonDir, trainerDir, DEFAULT_LIMITS);
    for (const delayMs of [0, 0, 1, 2, 5, 10, 20, 50, 200]) {
      const box = startBox(blueprint, 'weighbridge_trainer', 60);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      box.destroy();
      expect(await box.exited).toEqual({ code: 137 });
    }
  });
});
