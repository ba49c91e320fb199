// Real: bubblewrap, seccomp, rlimits, Python, JAX, the trainer, encrypted pieces, a file on this disk. Faked: storage (pieces come
// from memory), key release (the test has the data key). That the limit of memory is small makes the rows of an example too many.
import { open, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/kernel/index.js';
import { buildRecipe, type BuiltModel, type TrainInput } from '../../src/training/index.js';
import { samplingOf } from '../../src/training/models.js';
import type { TrainerIdentity } from '../../src/provenance/index.js';
import type { Blueprint } from '../../workers/sandbox/box.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { probeBox } from '../../workers/sandbox/probe.js';
import type { SpoolOptions } from '../../workers/sandbox/spool.js';
import { exampleDataset, type EncryptedDataset } from '../support/encrypted-dataset.js';
import { failure, inputOf, never, pythonDir, trainerDir } from '../support/sandbox-run.js';

let directory: string;
let digits: EncryptedDataset;
let model: BuiltModel;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-spool-'));
  digits = await exampleDataset('digits', 2);
  const { declaration, ...files } = buildRecipe('mlp', { manifest: digits.manifest, epochs: 30 });
  const sampling = samplingOf(declaration, digits.manifest.rowCount);
  const privacy = { epsilon: 50, delta: 1e-5, noiseMultiplier: 1, clippingNorm: 1, ...sampling };
  model = { ...files, declaration: { ...declaration, privacy: { ...privacy, unit: { kind: 'row' } } } };
});
afterAll(async () => rm(directory, { recursive: true }));

/** Looked at once: a worker does it at its start. */
const sound: TrainerIdentity[] = [];
const probe = async (blueprint: Blueprint): Promise<TrainerIdentity> => (sound[0] ??= await probeBox(blueprint));
const trainer = (spool?: Partial<SpoolOptions>): ReturnType<typeof createSandboxTrainer> =>
  spool === undefined
    ? createSandboxTrainer({ pythonDir, trainerDir, probe })
    : createSandboxTrainer({
        pythonDir,
        trainerDir,
        probe,
        limits: { rowsBytes: 1_000 },
        spool: { directory, jobs: 1, ...spool },
      });
const inputWith = (change: Partial<TrainInput> = {}): TrainInput =>
  inputOf(digits, model, { seed: new Uint8Array(32).fill(7), ...change });

/** The spool of the box that runs, as this machine's kernel shows it to whoever started it. */
async function spoolOfBox(parent = process.pid): Promise<string> {
  const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => '');
  for (const pid of children.trim().split(' ').filter(Boolean).map(Number)) {
    const target = await readlink(`/proc/${pid}/fd/6`).catch(() => '');
    const spool = target.startsWith(directory) ? `/proc/${pid}/fd/6` : await spoolOfBox(pid);
    if (spool !== '') return spool;
  }
  return '';
}

describe('rows that do not fit memory', { timeout: 480_000 }, () => {
  it('train to the very weights, out of a file that has no name and says nothing', async () => {
    let looked: Promise<[string, Buffer, string[]]> | undefined;
    const look = async (): Promise<[string, Buffer, string[]]> => {
      const spool = await spoolOfBox();
      return [await readlink(spool), await readFile(spool), await readdir(directory)];
    };
    const output = await trainer({}).train(inputWith({ onProgress: () => void (looked ??= look()) }), never);
    const inMemory = await trainer().train(inputWith(), never);
    expect(sha256Hex(output.weights)).toBe(sha256Hex(inMemory.weights));
    const [name, sealed, names] = await (looked ?? Promise.reject(new Error('there was no progress')));
    expect(name).toMatch(/ \(deleted\)$/);
    expect(names).toEqual([]);
    // Sixty-four pixels and a label in four bytes each, and a tag. Rows have many zeros; the disk sees hardly any.
    expect(sealed.length).toBe(digits.manifest.rowCount * (65 * 4 + 16));
    expect(sealed.filter((byte) => byte === 0).length / sealed.length).toBeLessThan(0.01);
    expect(await readdir(directory)).toEqual([]);
  });

  it('end the job where the disk gives back something else', async () => {
    let spoilt: Promise<void> | undefined;
    const spoil = async (): Promise<void> => {
      const file = await open(await spoolOfBox(), 'r+');
      await file.write(Buffer.alloc(digits.manifest.rowCount * 276), 0);
      await file.close();
    };
    const ended = trainer({}).train(inputWith({ onProgress: () => void (spoilt ??= spoil()) }), never);
    expect(await failure(ended)).toEqual({ code: 'TRAINER_FAILED', reason: 'trainer-failed' });
    await spoilt;
    expect(await readdir(directory)).toEqual([]);
  });

  it('are not taken where the disk has no room for them', async () => {
    await expect(
      trainer({ bytes: digits.manifest.rowCount * 276 - 1 }).train(inputWith(), never),
    ).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
    });
  });
});
