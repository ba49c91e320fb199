// Real: bubblewrap, seccomp, rlimits, Python, pipes, the worker's side of the sandbox. Faked: what runs in the box is no trainer
// but a program that tries to get out (test/support/escaping-trainer). Each attempt is a row of docs/sandbox.md.
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WeighbridgeError } from '../../src/kernel/index.js';
import { buildRecipe, type TrainInput } from '../../src/training/index.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { exampleDataset, type EncryptedDataset } from '../support/encrypted-dataset.js';
import { escape, ESCAPE_LIMITS, ESCAPING_TRAINER, type Escape } from '../support/escape.js';

const pythonDir = path.resolve('.weighbridge/python/trainer');
const never = new AbortController().signal;
const HOST_PATHS = [
  '/etc/passwd',
  '/etc/hostname',
  '/home',
  '/root',
  '/run',
  '/sys',
  '/var',
  '/proc/1/environ',
  '/proc/self/mountinfo',
  '/proc/version',
  homedir(),
  process.cwd(),
];

let seen: Escape;

describe('a program that tries to get out of a box', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    seen = await escape({ paths: HOST_PATHS });
  }, 120_000);

  it('is refused everything', () => {
    const refusals = Object.entries(seen.attempts).map(([name, error]) => [name, expectedError(name), error]);
    expect(refusals.filter(([, expected, error]) => error !== expected)).toEqual([]);
    expect(refusals.length).toBeGreaterThan(40);
    expect([seen.said, seen.spooled]).toEqual(['', []]);
  });

  it('is held to its memory, disk and threads', () => {
    expect(seen.used.diskBytes).toBeLessThanOrEqual(ESCAPE_LIMITS.tmpBytes);
    expect(seen.used.memoryBytes).toBeLessThan(ESCAPE_LIMITS.addressSpaceBytes);
    expect(seen.used.threads).toBeLessThan(200);
  });

  it('learns nothing of the host that a job needs not know', () => {
    const { about } = seen;
    expect(about).toMatchObject({ hostName: 'box', timeZone: 'UTC', user: [65534, 65534], proc: ['cpuinfo'] });
    expect(about['hostName']).not.toBe(hostname());
    const known = [
      'HOME',
      'JAX_PLATFORMS',
      'LC_CTYPE',
      'LD_LIBRARY_PATH',
      'MALLOC_ARENA_MAX',
      'OMP_WAIT_POLICY',
      'PATH',
      'PJRT_NPROC',
      'PWD',
      'PYTHONPATH',
      'TMPDIR',
    ];
    expect(known).toEqual(expect.arrayContaining(about['environment'] as string[]));
    expect((about['usr'] as string[]).filter((name) => !/^(bin|lib(x?32|64)?)$/.test(name))).toEqual([]);
    expect((about['programs'] as string[]).filter((name) => !/^python3\.\d+$/.test(name))).toEqual([]);
    expect(about['root']).not.toEqual(expect.arrayContaining(['etc', 'home', 'root', 'run', 'sys', 'var']));
    expect(about['processor']).not.toMatch(/model name|MHz|microcode|bogomips|bugs/i);
  });

  it('finds each of its attempts in the documentation', async () => {
    const documented = await readFile('docs/sandbox.md', 'utf8');
    const attempts = Object.keys(seen.attempts).filter((name) => !name.startsWith('read /'));
    expect(attempts.filter((name) => !documented.includes(`| ${name} |`))).toEqual([]);
  });
});

/** What has to stop an attempt: mostly the filter, where that is not asked, what the box is made of. */
function expectedError(name: string): string {
  if (name === 'clone3') return 'ENOSYS';
  if (name === 'disk bomb') return 'ENOSPC';
  if (name === "more of the worker's disk than its share") return 'EFBIG';
  if (name === 'look beside the spool') return 'ENOTDIR';
  if (name === 'memory bomb' || name === 'thread bomb') return 'ENOMEM';
  if (name === 'write beside /tmp') return 'EROFS';
  if (name === 'the terminal') return 'ENXIO';
  return name.startsWith('read /') ? 'ENOENT' : 'EPERM';
}

describe('a trainer that answers as it likes', { timeout: 120_000 }, () => {
  let directory: string;
  let digits: EncryptedDataset;
  let trainer: ReturnType<typeof createSandboxTrainer>;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-escape-'));
    await cp('workers/trainer/src', directory, { recursive: true });
    await cp(path.join(ESCAPING_TRAINER, 'answers.py'), path.join(directory, 'weighbridge_trainer/__main__.py'));
    trainer = createSandboxTrainer({ pythonDir, trainerDir: directory });
    digits = await exampleDataset('digits', 2);
    await trainer.assertAvailable();
  }, 120_000);
  afterAll(async () => rm(directory, { recursive: true }));

  async function answer(seed: number, change: Partial<TrainInput> = {}, signal = never): Promise<unknown> {
    const { declaration, ...model } = buildRecipe('mlp', { manifest: digits.manifest, epochs: 1 });
    const input: TrainInput = {
      manifest: digits.manifest,
      declaration: { ...declaration, seed },
      graph: model.graph,
      weights: model.weights,
      tokenizers: [],
      openKey: async () => Uint8Array.from(digits.dataKey),
      pieces: digits.pieces.map(
        (piece) =>
          async function* () {
            yield piece;
          },
      ),
      timeoutMs: 60_000,
      onProgress: () => undefined,
      ...change,
    };
    return trainer.train(input, signal).then(
      () => 'accepted',
      (error: unknown) => error,
    );
  }

  it('is heard when it keeps to the frames', async () => {
    expect(await answer(0)).toBe('accepted');
  });

  it.each([
    [1, 'text on stdout', 'frame size or kind'],
    [2, 'a frame of a kind of its own', 'frame size or kind'],
    [3, 'a frame of two gigabytes', 'frame size or kind'],
    [4, 'steps that fall: letters', 'progress'],
    [5, 'another number of steps', 'progress'],
    [6, 'a step beyond the last', 'progress'],
    [7, 'a longer progress frame', 'frame size or kind'],
    [8, 'numbers without weights', 'answer'],
    [9, 'two files of weights', 'numbers'],
    [10, 'a reason outside the list', 'answer'],
    [11, 'a reason that is a number of rows', 'answer'],
    [12, 'a loss after the answer', 'bytes after the answer'],
    [13, 'a second answer', 'bytes after the answer'],
    [16, 'more text on stdout than is ever read', 'frame size or kind'],
  ])('%i: %s is destroyed unread', async (seed, _name, rule) => {
    const error = await answer(seed);
    expect(error).toMatchObject({ code: 'TRAINER_FAILED', details: { reason: 'trainer-failed', rule } });
    // Neither what it wrote nor what it said on stderr is in anything that is logged.
    expect(JSON.stringify(error) + (error as WeighbridgeError).message).not.toContain('0.25');
  });

  it.each([14, 15])('%i: half an answer, and none: what it said besides is counted and dropped', async (seed) => {
    expect(await answer(seed)).toMatchObject({
      code: 'TRAINER_FAILED',
      details: { reason: 'trainer-failed', exitCode: 0, stderrBytes: 17_000 },
    });
  });

  it('500: an abort, which is how the compiler ends where an allocation meets the limit of the box', async () => {
    expect(await answer(500)).toMatchObject({
      code: 'TRAINER_FAILED',
      details: { reason: 'out-of-memory', exitCode: 134 },
    });
  });

  it('1000, 1001: a result is not taken that comes from a box which does not end, or after the deadline', async () => {
    const ends = await Promise.all([1000, 1001].map(async (seed) => answer(seed, { timeoutMs: 2_000 })));
    const outOfTime = expect.objectContaining({ code: 'TIMEOUT', details: { reason: 'out-of-time' } }) as unknown;
    expect(ends).toEqual([outOfTime, outOfTime]);
  });

  it('is destroyed when its job is stopped, and the source of the pieces hears of it', async () => {
    const controller = new AbortController();
    let told = false;
    const endless = async function* (signal: AbortSignal): AsyncGenerator<Uint8Array> {
      signal.addEventListener('abort', () => (told = true));
      yield (digits.pieces[0] ?? new Uint8Array(0)).subarray(0, 64);
      controller.abort(new WeighbridgeError('DATASET_REVOKED', 'revoked', { next: 'Stop.' }));
      await new Promise(() => undefined);
    };
    const dataKey = Uint8Array.from(digits.dataKey);
    const change = { openKey: async () => dataKey, pieces: [endless, endless] };
    expect(await answer(0, change, controller.signal)).toMatchObject({ code: 'DATASET_REVOKED' });
    expect(told).toBe(true);
    expect(dataKey).toEqual(new Uint8Array(32));
  });

  it('hands a refusal of the key and a fault of storage on as they are', async () => {
    const denied = new WeighbridgeError('KEY_DENIED', 'no', { next: 'Stop.', details: { reason: 'deadline-passed' } });
    expect(await answer(0, { openKey: async () => Promise.reject(denied) })).toBe(denied);
    const gone = new WeighbridgeError('PROVIDER_DOWN', 'gone', { next: 'Retry.', retryable: true });
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield (digits.pieces[0] ?? new Uint8Array(0)).subarray(0, 1_000);
      throw gone;
    };
    expect(await answer(0, { pieces: [broken, broken] })).toBe(gone);
  });
});
