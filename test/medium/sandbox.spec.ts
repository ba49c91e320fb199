// Real: bubblewrap, seccomp, Python, JAX, the trainer, DuckDB, encrypted pieces. Faked: storage (pieces come from memory),
// key release (the test has the data key).
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Column } from '../../src/catalog/manifest.js';
import { sha256Hex } from '../../src/kernel/index.js';
import { buildRecipe, checkFit, shapesOf, weigh, type BuiltModel, type TrainInput } from '../../src/training/index.js';
import { samplingOf, withPrivacy } from '../../src/training/models.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { encryptedDataset, exampleDataset, type EncryptedDataset } from '../support/encrypted-dataset.js';
import { memoryParts } from '../support/memory-parts.js';
import { failure, inputOf, never, pythonDir, trainerDir } from '../support/sandbox-run.js';

const trainer = createSandboxTrainer({ pythonDir, trainerDir });

let digits: EncryptedDataset;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-sandbox-'));
  digits = await exampleDataset('digits', 2);
  await trainer.assertAvailable();
});
afterAll(async () => rm(directory, { recursive: true }));

/** bubblewrap processes that this one has started. */
async function boxesHere(): Promise<number[]> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

/** Accuracy on rows that were never uploaded, by the NumPy program that a buyer runs. */
async function heldOutAccuracy(name: string, model: BuiltModel, weights: Uint8Array): Promise<number> {
  const at = (file: string): string => path.join(directory, file);
  const files = { weights: at('weights.safetensors'), initial: at('initial.safetensors'), job: at('job.json') };
  await writeFile(files.weights, weights);
  await writeFile(files.initial, model.weights);
  await writeFile(files.job, JSON.stringify(model.declaration));
  const data = `examples/${name}-heldout.csv`;
  const given = Object.entries(files).flatMap(([option, file]) => [`--${option}`, file]);
  const args = ['examples/evaluate.py', ...given, '--data', data];
  const { stdout } = await promisify(execFile)(path.join(pythonDir, 'bin/python'), args);
  return (JSON.parse(stdout) as { accuracy: number }).accuracy;
}

/** Of each column of a CSV file without quotes. */
async function meansAndDeviations(file: string): Promise<Map<string, { mean: number; deviation: number }>> {
  const [header, ...rows] = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  return new Map(
    header?.map((name, column) => {
      const values = rows.map((row) => Number(row[column]));
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      return [name, { mean, deviation: Math.sqrt(variance) }];
    }),
  );
}

describe('training in the sandbox', { timeout: 240_000 }, () => {
  it.each([
    ['digits', 'mlp', 0.95, {}],
    ['digits', 'cnn', 0.95, {}],
    // As far as it needs to be seen to learn.
    ['breast-cancer', 'transformer', 0.93, { epochs: 8 }],
    ['breast-cancer', 'lora', 0.93, {}],
  ] as const)('%s by %s learns from encrypted rows', async (name, recipe, floor, options) => {
    const dataset = name === 'digits' ? digits : await exampleDataset(name);
    const model = buildRecipe(recipe, { manifest: dataset.manifest, ...options });
    const heard: number[] = [];
    const dataKey = Uint8Array.from(dataset.dataKey);
    const input = inputOf(dataset, model, { openKey: async () => dataKey, onProgress: (step) => heard.push(step) });
    const output = await trainer.train(input, never);
    expect(output.trainer).toEqual({
      name: 'weighbridge-trainer',
      version: '0.1.0',
      jax: expect.stringMatching(/^0\./),
      jaxlib: expect.stringMatching(/^0\./),
      python: expect.stringMatching(/^3\./),
      threads: availableParallelism(),
      device: expect.stringMatching(/^cpu \S+ \S+ [0-9a-f]{8}$/),
    });
    expect(heard.length).toBeGreaterThan(0);
    expect(dataKey).toEqual(new Uint8Array(32));
    const { declaration, weights } = model;
    const expected = {
      declaration,
      shapes: shapesOf(weights),
      initial: weights,
      rowCount: dataset.manifest.rowCount,
      heldOut: 0,
    };
    const weighed = weigh(output, expected);
    expect(weighed.numbers).toEqual({ epochs: declaration.epochs, rows: dataset.manifest.rowCount });
    expect(await heldOutAccuracy(name, model, weighed.weights)).toBeGreaterThanOrEqual(floor);
  });

  it('fits columns, measures with rows that are held out, and the noised numbers pass the gate', async () => {
    const [first, last] = digits.manifest.pieces;
    if (first === undefined || last === undefined) throw new Error('two pieces');
    const rowCount = first.rowCount;
    const manifest = { ...digits.manifest, rowCount, pieces: [first, { ...last, holdout: true as const }] };
    const plain = buildRecipe('mlp', { manifest, epochs: 4 });
    const budget = { epsilon: 500, delta: 1e-5, maxEpsilonPerJob: 400, pricePerEpsilon: '1' };
    const metric = { name: 'accuracy', epsilon: 50 } as const;
    const declaration = withPrivacy(
      plain.declaration,
      rowCount,
      { budget },
      { epsilon: 300, metric, standardiseEpsilon: 50 },
    );
    checkFit(manifest, declaration, plain.graph, plain.weights, []);
    const seed = () => new Uint8Array(32).fill(9);
    const output = await trainer.train(inputOf(digits, { ...plain, declaration }, { manifest, seed: seed() }), never);
    const expected = { declaration, shapes: shapesOf(plain.weights), initial: plain.weights, rowCount };
    const weighed = weigh(output, { ...expected, heldOut: last.rowCount });
    expect(weighed.metric).toMatchObject({ name: 'accuracy', rows: last.rowCount });
    // Almost no noise at such an epsilon: what a buyer finds on other rows of the same kind is not far.
    const fitted = { ...plain, declaration: { ...declaration, features: weighed.features ?? {} } };
    const elsewhere = await heldOutAccuracy('digits', fitted, weighed.weights);
    expect(weighed.metric?.deviation).toBeLessThan(0.01);
    expect(Math.abs((weighed.metric?.value ?? 0) - elsewhere)).toBeLessThan(0.1);
    expect(elsewhere).toBeGreaterThan(0.6);
    const pixels = await meansAndDeviations('examples/digits.csv');
    for (const feature of Object.values(fitted.declaration.features).flat()) {
      if (feature.kind !== 'scale') throw new Error('every pixel is standardised');
      const { mean, deviation } = pixels.get(feature.column) ?? { mean: NaN, deviation: NaN };
      // Of all rows, not of the first piece alone; and a pixel that is always white has the spread that noise may have made up.
      expect(Math.abs(feature.min - mean), feature.column).toBeLessThan(1);
      expect(Math.abs(feature.max - feature.min - Math.max(0.5, deviation)), feature.column).toBeLessThan(1);
    }
  });
});

describe('a job that reads few columns of many', { timeout: 240_000 }, () => {
  it("gets frames of these alone, by the piece's index, and gives the same weights", async () => {
    const [rowCount, others] = [6_000, 60];
    const wide = Array.from({ length: others }, (_, k) => `hash(i * ${others} + ${k}) / 1e19 AS w${k}`).join(', ');
    const query = `SELECT hash(i + 1e6) / 1e19 AS a, ${wide}, hash(i + 2e6) / 1e19 AS b, (i % 2)::INTEGER AS y FROM range(${rowCount}) t(i)`;
    const number = (name: string): Column => ({ name, type: 'number', range: { min: 0, max: 2 } });
    const columns: Column[] = [
      number('a'),
      ...Array.from({ length: others }, (_, k) => number(`w${k}`)),
      number('b'),
      { name: 'y', type: 'integer', vocabulary: [0, 1] },
    ];
    const dataset = await encryptedDataset(columns, 'y', [{ query, rowCount }]);
    const read = { ...dataset.manifest, columns: columns.filter(({ name }) => ['a', 'b', 'y'].includes(name)) };
    const model = buildRecipe('mlp', { manifest: read, epochs: 1 });
    const whole = await trainer.train(inputOf(dataset, model), never);
    const [piece = new Uint8Array(0)] = dataset.pieces;
    const parts = memoryParts(new Map([['piece-0', piece]]));
    const pieces = dataset.pieces.map(() => (): never => {
      throw new Error('the whole piece is not read');
    });
    const some = await trainer.train(inputOf(dataset, model, { parts, pieces }), never);
    expect(sha256Hex(some.weights)).toBe(sha256Hex(whole.weights));
    expect(parts.readBytes).toBeLessThan(piece.length / 2);
  });
});

describe('a box that was started ahead', { timeout: 480_000 }, () => {
  it('waits with nothing of a job, serves one, and is gone with it; the next one is another, and gives the same weights', async () => {
    const before = new Set(await boxesHere());
    const warm = createSandboxTrainer({ pythonDir, trainerDir, warmBoxes: 1 });
    await warm.assertAvailable();
    const ofWarm = async (): Promise<number[]> => (await boxesHere()).filter((pid) => !before.has(pid));
    const [first = 0] = await ofWarm();
    expect(first).toBeGreaterThan(0);
    const model = buildRecipe('mlp', { manifest: digits.manifest, epochs: 2 });
    const during: number[][] = [];
    const looking = ofWarm().then((pids) => during.push(pids));
    const output = await warm.train(inputOf(digits, model), never);
    await looking;
    expect(during).toEqual([[first]]);
    const [second = 0, ...more] = await ofWarm();
    expect([second, more]).not.toEqual([first, []]);
    expect(await ofWarm()).not.toContain(first);
    // What it waited with made no difference to what came out.
    const cold = await trainer.train(inputOf(digits, model), never);
    expect(sha256Hex(output.weights)).toBe(sha256Hex(cold.weights));
    await warm.close();
    expect(await ofWarm()).toEqual([]);
  });
});

// A plain run's is in workers/trainer/tests/test_journal.py, and how a job goes on in lost-box.spec.ts.
describe('a private run whose box is killed in the middle', { timeout: 480_000 }, () => {
  it('goes on from its checkpoint, and ends in the same bits', async () => {
    // Long enough to be in its middle still when the first checkpoint has arrived.
    const { declaration, ...model } = buildRecipe('mlp', { manifest: digits.manifest, epochs: 100 });
    const run: BuiltModel = { ...model, declaration: privateOf(declaration) };
    const inputWith = (change: Partial<TrainInput>): TrainInput =>
      inputOf(digits, run, { seed: new Uint8Array(32).fill(7), ...change });
    const undisturbed = await trainer.train(inputWith({}), never);
    let begin: Uint8Array | undefined;
    let keptStep = 0;
    let isKilled = false;
    const before = new Set(await boxesHere());
    const keep = async (state: Uint8Array, step: number): Promise<void> => {
      begin = Uint8Array.from(state);
      keptStep = step;
      // bubblewrap ends, and its box with it; what the box had said by then is still read.
      if (isKilled) return;
      isKilled = true;
      for (const pid of await boxesHere()) if (!before.has(pid)) process.kill(pid, 'SIGKILL');
    };
    const killed = trainer.train(inputWith({ checkpoints: { everyMs: 1, keep } }), never);
    expect(await failure(killed)).toMatchObject({ code: 'TRAINER_FAILED' });
    expect(keptStep).toBeGreaterThan(0);
    const heard: number[] = [];
    const checkpoints = { everyMs: 60_000, keep: async () => undefined, ...(begin === undefined ? {} : { begin }) };
    const resumed = await trainer.train(inputWith({ checkpoints, onProgress: (step) => heard.push(step) }), never);
    expect(sha256Hex(resumed.weights)).toBe(sha256Hex(undisturbed.weights));
    expect(Math.min(...heard)).toBeGreaterThan(keptStep);
    expect(begin).toEqual(new Uint8Array(begin?.length ?? 0));
  });
});

function privateOf(declaration: BuiltModel['declaration']): BuiltModel['declaration'] {
  const sampling = samplingOf(declaration, digits.manifest.rowCount);
  const privacy = { epsilon: 50, delta: 1e-5, noiseMultiplier: 1, clippingNorm: 1, ...sampling };
  return { ...declaration, privacy: { ...privacy, unit: { kind: 'row' } } };
}
