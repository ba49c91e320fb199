// Real: bubblewrap, seccomp, Python, JAX, the trainer, DuckDB, encrypted pieces. Faked: storage (pieces come from memory),
// key release (the test has the data key).
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Column } from '../../src/catalog/manifest.js';
import { sha256Hex, WeighbridgeError } from '../../src/kernel/index.js';
import { buildRecipe, checkFit, shapesOf, weigh, type BuiltModel, type TrainInput } from '../../src/training/index.js';
import { samplingOf, withPrivacy } from '../../src/training/models.js';
import { writeModel } from '../../src/training/onnx/write-model.js';
import { writeSafetensors } from '../../src/training/safetensors.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { encryptedDataset, exampleDataset, type EncryptedDataset } from '../support/encrypted-dataset.js';
import { makeSmugglingTrainer } from '../support/smuggling-trainer/make.mjs';

const pythonDir = path.resolve('.weighbridge/python/trainer');
const trainerDir = path.resolve('workers/trainer/src');
const trainer = createSandboxTrainer({ pythonDir, trainerDir });
const never = new AbortController().signal;

let digits: EncryptedDataset;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-sandbox-'));
  digits = await exampleDataset('digits', 2);
  await trainer.assertAvailable();
});
afterAll(async () => rm(directory, { recursive: true }));

function inputOf(dataset: EncryptedDataset, model: BuiltModel, change: Partial<TrainInput> = {}): TrainInput {
  return {
    manifest: dataset.manifest,
    declaration: model.declaration,
    graph: model.graph,
    weights: model.weights,
    tokenizers: [],
    openKey: async () => Uint8Array.from(dataset.dataKey),
    pieces: dataset.pieces.map((piece) => () => inSteps(piece)),
    timeoutMs: 240_000,
    onProgress: () => undefined,
    ...change,
  };
}

/** Borders of network reads fall anywhere. */
async function* inSteps(bytes: Uint8Array, step = 7_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

/** bubblewrap processes that this one has started. */
async function boxesHere(): Promise<number[]> {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => 'it trained',
    (error: unknown) => error,
  );
  return error instanceof WeighbridgeError ? { code: error.code, reason: error.details['reason'] } : error;
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

describe('training in the sandbox', { timeout: 240_000 }, () => {
  it.each([
    ['digits', 'mlp', 0.95, {}],
    ['digits', 'cnn', 0.95, {}],
    ['breast-cancer', 'mlp', 0.93, {}],
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

  it('measures with rows that are held out, and the noised number passes the gate', async () => {
    const [first, last] = digits.manifest.pieces;
    if (first === undefined || last === undefined) throw new Error('two pieces');
    const rowCount = first.rowCount;
    const manifest = { ...digits.manifest, rowCount, pieces: [first, { ...last, holdout: true as const }] };
    const plain = buildRecipe('mlp', { manifest, epochs: 4 });
    const budget = { epsilon: 500, delta: 1e-5, maxEpsilonPerJob: 400, pricePerEpsilon: '1' };
    const metric = { name: 'accuracy', epsilon: 50 } as const;
    const declaration = withPrivacy(plain.declaration, rowCount, { budget }, { epsilon: 300, metric });
    checkFit(manifest, declaration, plain.graph, plain.weights);
    const seed = () => new Uint8Array(32).fill(9);
    const output = await trainer.train(inputOf(digits, { ...plain, declaration }, { manifest, seed: seed() }), never);
    const expected = { declaration, shapes: shapesOf(plain.weights), initial: plain.weights, rowCount };
    const weighed = weigh(output, { ...expected, heldOut: last.rowCount });
    expect(weighed.metric).toMatchObject({ name: 'accuracy', rows: last.rowCount });
    // Almost no noise at such an epsilon: what a buyer finds on other rows of the same kind is not far.
    const elsewhere = await heldOutAccuracy('digits', plain, weighed.weights);
    expect(weighed.metric?.deviation).toBeLessThan(0.01);
    expect(Math.abs((weighed.metric?.value ?? 0) - elsewhere)).toBeLessThan(0.1);
    expect(elsewhere).toBeGreaterThan(0.6);
  });

  it('gives the same weights twice', async () => {
    const model = buildRecipe('mlp', { manifest: digits.manifest, epochs: 2 });
    const [first, second] = [
      await trainer.train(inputOf(digits, model), never),
      await trainer.train(inputOf(digits, model), never),
    ];
    expect(sha256Hex(first.weights)).toBe(sha256Hex(second.weights));
  });
});

describe('a box that was started ahead', { timeout: 480_000 }, () => {
  it('waits with nothing of a job, serves one, and is gone with it; the next one is another', async () => {
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

// A plain run's is in workers/trainer/tests/test_journal.py, and how a job goes on in run-job.spec.ts.
describe('a private run whose box is killed in the middle', { timeout: 480_000 }, () => {
  it('goes on from its checkpoint, and ends in the same bits', async () => {
    const { declaration, ...model } = buildRecipe('mlp', { manifest: digits.manifest, epochs: 6 });
    const run: BuiltModel = { ...model, declaration: privateOf(declaration) };
    const inputWith = (change: Partial<TrainInput>): TrainInput =>
      inputOf(digits, run, { seed: new Uint8Array(32).fill(7), ...change });
    const undisturbed = await trainer.train(inputWith({}), never);
    let begin: Uint8Array | undefined;
    let keptStep = 0;
    const before = new Set(await boxesHere());
    const keep = async (state: Uint8Array, step: number): Promise<void> => {
      begin = Uint8Array.from(state);
      keptStep = step;
      // bubblewrap ends, and its box with it.
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

  it('another data key', async () => {
    const dataKey = new Uint8Array(32).fill(7);
    expect(
      await failure(trainer.train(inputOf(digits, quick(), { openKey: async () => dataKey }), never)),
    ).toMatchObject({
      code: 'PIECE_CORRUPT',
    });
    expect(dataKey).toEqual(new Uint8Array(32));
  });

  it('pieces in another order than the manifest: each key opens one shard at one place', async () => {
    const pieces = digits.pieces.toReversed().map((piece) => () => inSteps(piece));
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

  it('a graph that would need more memory than any host has', async () => {
    const tensor = { name: 'w', shape: [10, 64], data: new Float32Array(640) };
    const weights = writeSafetensors([tensor]);
    const doublings = Array.from({ length: 40 }, (_, k) => ({
      op: 'Concat',
      inputs: [k === 0 ? 'input' : `d${k}`, k === 0 ? 'input' : `d${k}`],
      outputs: [`d${k + 1}`],
      attributes: { axis: { int: 1 } },
    }));
    const graph = writeModel({
      input: { name: 'input', shape: [64] },
      output: { name: 'logits', shape: [10] },
      weights: new Map([['w', [10, 64]]]),
      nodes: [
        ...doublings,
        { op: 'Gemm', inputs: ['input', 'w'], outputs: ['logits'], attributes: { transB: { int: 1 } } },
      ],
    });
    const model = quick();
    const digests = { graph: sha256Hex(graph), weights: sha256Hex(weights), trainable: ['w'] };
    const bomb = { ...model, graph, weights, declaration: { ...model.declaration, ...digests } };
    expect(await failure(trainer.train(inputOf(digits, bomb), never))).toEqual({
      code: 'TRAINER_FAILED',
      reason: 'model-rejected',
    });
  });

  it('rows that need more memory than the box may have', async () => {
    const vocabulary = Array.from({ length: 64 }, (_, k) => k);
    const columns: Column[] = [
      { name: 'word', type: 'integer', vocabulary },
      { name: 'label', type: 'integer', vocabulary: [0, 1] },
    ];
    const query = 'SELECT range % 64 AS word, range % 2 AS label FROM range(3000000)';
    const large = await encryptedDataset(columns, 'label', [{ query, rowCount: 3_000_000 }]);
    const tight = createSandboxTrainer({ pythonDir, trainerDir, limits: { addressSpaceBytes: 2 * 2 ** 30 } });
    const model = buildRecipe('mlp', { manifest: large.manifest });
    expect(await failure(tight.train(inputOf(large, model), never))).toMatchObject({ reason: 'out-of-memory' });
  });

  it('the wall clock', async () => {
    const model = buildRecipe('mlp', { manifest: digits.manifest, epochs: 10_000 });
    expect(await failure(trainer.train(inputOf(digits, model, { timeoutMs: 6_000 }), never))).toEqual({
      code: 'TIMEOUT',
      reason: 'out-of-time',
    });
  });

  it('an abort, and the source of the pieces hears of it', async () => {
    const controller = new AbortController();
    let told = false;
    const endless = async function* (signal: AbortSignal): AsyncGenerator<Uint8Array> {
      signal.addEventListener('abort', () => (told = true));
      yield* inSteps(digits.pieces[0] ?? new Uint8Array(0), 64);
      controller.abort(new WeighbridgeError('DATASET_REVOKED', 'revoked', { next: 'Stop.' }));
      await new Promise(() => undefined);
    };
    const dataKey = Uint8Array.from(digits.dataKey);
    const input = inputOf(digits, quick(), { openKey: async () => dataKey, pieces: [endless, endless] });
    expect(await failure(trainer.train(input, controller.signal))).toMatchObject({ code: 'DATASET_REVOKED' });
    expect(told).toBe(true);
    expect(dataKey).toEqual(new Uint8Array(32));
  });

  it('a refusal of the key, as it is', async () => {
    const denied = new WeighbridgeError('KEY_DENIED', 'no', { next: 'Stop.', details: { reason: 'deadline-passed' } });
    const openKey = async (): Promise<Uint8Array> => Promise.reject(denied);
    expect(await failure(trainer.train(inputOf(digits, quick(), { openKey }), never))).toEqual({
      code: 'KEY_DENIED',
      reason: 'deadline-passed',
    });
  });

  it('a model that the box refuses, while its key is still asked for: nobody waits for that', async () => {
    let told = false;
    const openKey = async (signal: AbortSignal): Promise<Uint8Array> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told = true;
          reject(new Error('nobody waits'));
        });
      });
    const model = { ...quick(), graph: Uint8Array.of(1, 2, 3) };
    expect(await failure(trainer.train(inputOf(digits, model, { openKey }), never))).toMatchObject({
      code: 'TRAINER_FAILED',
    });
    expect(told).toBe(true);
  });

  it('a fault of storage, as it is', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield (digits.pieces[0] ?? new Uint8Array(0)).subarray(0, 1_000);
      throw new WeighbridgeError('PROVIDER_DOWN', 'gone', { next: 'Retry.', retryable: true });
    };
    expect(await failure(trainer.train(inputOf(digits, quick(), { pieces: [broken, broken] }), never))).toMatchObject({
      code: 'PROVIDER_DOWN',
    });
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
