// Real: bubblewrap, seccomp, Python, JAX, the trainer, DuckDB, encrypted pieces. Faked: storage (pieces come from memory),
// key release (the test has the data key). What ends a run on the worker's side is in sandbox-escape.spec.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Column } from '../../src/catalog/manifest.js';
import type { RefusalReason } from '../../src/provenance/index.js';
import { buildRecipe, shapesOf, weigh, type BuiltModel } from '../../src/training/index.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { bombOf } from '../support/bombs.js';
import { encryptedDataset, exampleDataset, type EncryptedDataset } from '../support/encrypted-dataset.js';
import { failure, inputOf, inSteps, never, pythonDir, trainerDir } from '../support/sandbox-run.js';
import { makeSmugglingTrainer } from '../support/smuggling-trainer/make.mjs';

const trainer = createSandboxTrainer({ pythonDir, trainerDir });

let digits: EncryptedDataset;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-refusals-'));
  digits = await exampleDataset('digits', 2);
  await trainer.assertAvailable();
});
afterAll(async () => rm(directory, { recursive: true }));

describe('what ends a run', { timeout: 240_000 }, () => {
  const quick = (): BuiltModel => buildRecipe('mlp', { manifest: digits.manifest, epochs: 1 });

  it('one byte of a stored piece flipped', async () => {
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = digits.pieces;
    const flipped = Uint8Array.from(second);
    flipped[flipped.length - 100] = (flipped[flipped.length - 100] ?? 0) ^ 1;
    const pieces = [first, flipped].map((piece) => () => inSteps(piece));
    expect(await failure(trainer.train(inputOf(digits, quick(), { pieces }), never))).toEqual({
      code: 'PIECE_CORRUPT',
      reason: 'data-corrupt',
    });
  });

  it('fewer rows than the manifest lists', async () => {
    const manifest = { ...digits.manifest, rowCount: digits.manifest.rowCount + 1 };
    expect(await failure(trainer.train(inputOf(digits, quick(), { manifest }), never))).toEqual({
      code: 'TRAINER_FAILED',
      reason: 'data-does-not-fit',
    });
  });

  it('a graph that asks for too much, while its key is still asked for: nobody waits for that, and the next job trains', async () => {
    let told = 0;
    const openKey = async (signal: AbortSignal): Promise<Uint8Array> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told += 1;
          reject(new Error('nobody waits'));
        });
      });
    const end = async (model: BuiltModel): Promise<unknown> =>
      failure(trainer.train(inputOf(digits, model, { openKey }), never));
    const ends = {
      noGraph: await end({ ...quick(), graph: Uint8Array.of(1, 2, 3) }),
      memory: await end(bombOf('memory', quick())),
      operations: await end(bombOf('operations', quick())),
      arithmetic: await end(bombOf('arithmetic', quick())),
    };
    const refused = (reason: RefusalReason) => ({ code: 'TRAINER_FAILED', reason });
    expect(ends).toEqual({
      noGraph: refused('model-rejected'),
      memory: refused('model-rejected'),
      operations: refused('model-too-large'),
      arithmetic: refused('model-too-large'),
    });
    expect(told).toBe(4);
    expect((await trainer.train(inputOf(digits, quick()), never)).weights.length).toBeGreaterThan(0);
  });

  it('rows that need more memory than the box may have', async () => {
    const vocabulary = Array.from({ length: 1024 }, (_, k) => k);
    const columns: Column[] = [
      { name: 'word', type: 'integer', vocabulary },
      { name: 'size', type: 'number', range: { min: 0, max: 1 } }, // beside a number, a word takes four bytes
      { name: 'label', type: 'integer', vocabulary: [0, 1] },
    ];
    const query = 'SELECT range % 1024 AS word, range / 400000 AS size, range % 2 AS label FROM range(400000)';
    // 1.6 GB of 2.1, of which every release of the libraries takes more than the rest.
    const large = await encryptedDataset(columns, 'label', [{ query, rowCount: 400_000 }]);
    const tight = createSandboxTrainer({ pythonDir, trainerDir, limits: { addressSpaceBytes: 2 * 2 ** 30 } });
    const model = buildRecipe('mlp', { manifest: large.manifest });
    const ended = await failure(tight.train(inputOf(large, model), never));
    expect(ended).toMatchObject({ code: 'TRAINER_FAILED', reason: 'out-of-memory' });
  });

  it('a trainer build that smuggles rows in an extra tensor: the gate keeps it back', async () => {
    const smuggler = createSandboxTrainer({
      pythonDir,
      trainerDir: await makeSmugglingTrainer(path.join(directory, 's')),
    });
    const model = quick();
    const output = await smuggler.train(inputOf(digits, model), never);
    const expected = {
      declaration: model.declaration,
      shapes: shapesOf(model.weights),
      initial: model.weights,
      rowCount: digits.manifest.rowCount,
      heldOut: 0,
    };
    expect(() => weigh(output, expected)).toThrow(
      expect.objectContaining({ code: 'GATE_REFUSED', details: { rule: 'extra-tensor' } }),
    );
  });
});
