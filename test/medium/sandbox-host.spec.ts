// Real: bubblewrap, seccomp, Python, the trainer's probe. No job runs.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawBlueprint, startBox } from '../../workers/sandbox/box.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { DEFAULT_LIMITS } from '../../workers/sandbox/limits.js';
import { probeBox } from '../../workers/sandbox/probe.js';

const pythonDir = path.resolve('.weighbridge/python/trainer');
const trainerDir = path.resolve('workers/trainer/src');

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-host-'))));
afterAll(async () => rm(directory, { recursive: true }));

describe('a host on which the sandbox does not hold', { timeout: 120_000 }, () => {
  it.each<[string, (args: string[]) => string[], RegExp]>([
    ['the filter missing', (args) => without(args, '--seccomp'), /a socket can be opened.*a process can be started/],
    ['/etc visible', (args) => ['--ro-bind', '/etc', '/etc', ...args], /it sees \/etc/],
    ['a variable of the host', (args) => [...args, '--setenv', 'DATABASE_URL', 'x'], /the host's environment/],
    ['the processes of the host', (args) => [...args, '--ro-bind', '/proc', '/proc'], /other processes/],
  ])('%s: nothing is trained', async (_name, change, message) => {
    const blueprint = await drawBlueprint(pythonDir, trainerDir, DEFAULT_LIMITS);
    const holed = { ...blueprint, args: change(blueprint.args) };
    await expect(probeBox(holed)).rejects.toMatchObject({
      code: 'SANDBOX_UNAVAILABLE',
      message: expect.stringMatching(message),
      next: expect.stringMatching(/^Run/),
    });
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
