// Real: the gate, age, the model's files, sealing of the completion, key derivation. Faked at the ports: the sandbox, which gives the
// weights back that went in, and row, log, chain and storage, in memory.
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomBytes32, someJob } from '../../../test/support/jobs.js';
import { notedLog } from '../../../test/support/noted-log.js';
import { provenanceStory, trainer } from '../../../test/support/provenance-story.js';
import type { Column, Manifest, Terms } from '../../catalog/manifest.js';
import { sha256Hex, type Network } from '../../kernel/index.js';
import { parseEntry } from '../../provenance/index.js';
import type { Job, JobPatch } from '../job.js';
import type { JobState } from '../job-state.js';
import type { ModelDeclaration } from '../model-declaration.js';
import type { TrainInput, TrainOutput } from '../ports.js';
import { samplingOf } from '../private-run.js';
import { buildRecipe } from '../recipes/build-recipe.js';
import type { JobReport, RunJobDeps } from './deps.js';
import { trainJob } from './train-job.js';
import { privacySeed, seedCommitmentOf } from './worker-account.js';

const ROWS = 64;
const columns: Column[] = [
  { name: 'x', type: 'number', range: { min: 0, max: 1 } },
  { name: 'y', type: 'integer', vocabulary: [0, 1] },
];
const manifest = {
  title: 'Rows',
  datasetVersion: 1,
  rowCount: ROWS,
  columns,
  label: 'y',
  pieces: [],
} as unknown as Manifest;
const model = buildRecipe('mlp', { manifest, epochs: 2 });
const workerSeed = new Uint8Array(32).fill(7);
/** Long enough ahead for any run of this spec. */
const TIME_MS = 600_000;

let access: Uint8Array;
let identity: string;
let recipient: string;
beforeAll(async () => {
  access = (await provenanceStory()).entries.granted;
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});
afterEach(() => vi.restoreAllMocks());

type Train = (input: TrainInput, signal: AbortSignal) => Promise<void>;

/** One job that trains; `during` is what happens while its box runs. */
function world(during: Train = async () => undefined, declaration: Partial<ModelDeclaration> = {}) {
  const inputs: TrainInput[] = [];
  const [blobs, reports] = [new Map<string, Uint8Array>(), [] as JobReport[]];
  const chain = { revoked: false };
  let row = {
    ...someJob({ recipient, declaration: { ...model.declaration, ...declaration } }),
    state: 'training',
    accessIndex: 0,
    progressStep: 0,
    progressOf: 0,
    cancelledAt: null,
    deadline: new Date(Date.now() + TIME_MS),
  } as Job;
  const change = (to: JobState, patch: JobPatch): Job => (row = { ...row, ...patch, state: to });
  const train = async (input: TrainInput, signal: AbortSignal): Promise<TrainOutput> => {
    inputs.push(input);
    await during(input, signal);
    return { weights: input.weights, numbers: { epochs: 2, rows: ROWS }, trainer };
  };
  const deps = {
    network: {
      chainId: 1,
      contracts: { marketplace: `0x${'aa'.repeat(20)}` },
      apiUrl: 'https://market.example',
    } as Network,
    jobs: {
      get: async () => row,
      fixRecord: async (_job, _from, to, patch, seal) =>
        change(to, { ...patch, pendingEntry: await seal({ sequence: 2, previous: '00'.repeat(32) }) }),
    } as Partial<RunJobDeps['jobs']> as RunJobDeps['jobs'],
    manifestOf: async () => manifest,
    termsOf: async () => ({ title: 'Terms' }) as Terms,
    blobs: {
      read: async (digest: string) => (digest === model.declaration.graph ? model.graph : model.weights),
      put: async (digest: string, bytes: Uint8Array) => void blobs.set(digest, bytes),
    },
    log: notedLog([access]),
    chain: { isRevoked: async () => chain.revoked, isLicenceRevoked: async () => false },
    checkpoints: { read: async () => undefined },
    trainer: { train, assertAvailable: async () => trainer },
    workerSeed,
    logger: { info: () => undefined, warn: () => undefined },
    signal: new AbortController().signal,
    report: async (report: JobReport) => void reports.push(report),
  };
  const run = async (): Promise<Job> => trainJob(deps as unknown as RunJobDeps, row);
  return { run, inputs, blobs, reports, chain, change, row: () => row };
}

const privateRun = (): Partial<ModelDeclaration> => ({
  privacy: {
    ...{ epsilon: 3, delta: 1e-5, noiseMultiplier: 1, clippingNorm: 1, unit: { kind: 'row' } },
    ...samplingOf(model.declaration, ROWS),
  },
});

describe('a job that trains', () => {
  it('leaves weights that its buyer alone can open, in the store under the digest that is logged', async () => {
    const encrypt = vi.spyOn(Encrypter.prototype, 'encrypt');
    const { run, blobs } = world();
    const { weightsDigest, ciphertextDigest, pendingEntry } = await run();
    const stored = blobs.get(ciphertextDigest ?? '') ?? new Uint8Array(0);
    expect([...blobs.keys()]).toEqual([sha256Hex(stored)]);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const weights = await decrypter.decrypt(stored);
    expect(sha256Hex(weights)).toBe(weightsDigest);
    expect(Buffer.from(stored).includes(Buffer.from(weights.subarray(-16)))).toBe(false);
    expect(parseEntry(pendingEntry ?? new Uint8Array(0)).type).toBe('training-completed');
    // What the worker had in the clear is overwritten.
    const [plaintext] = encrypt.mock.calls[0] ?? [];
    expect(plaintext).toEqual(new Uint8Array(weights.length));
  });

  it('has until a minute before its deadline', async () => {
    const { run, inputs } = world();
    await run();
    expect(inputs[0]?.timeoutMs).toBeLessThanOrEqual(TIME_MS - 60_000);
    expect(inputs[0]?.timeoutMs).toBeGreaterThan(TIME_MS - 120_000);
  });

  it('is given the secret seed of its order if it is private, which the record commits to, and none otherwise', async () => {
    const plain = world();
    await plain.run();
    expect(plain.inputs[0]).not.toHaveProperty('seed');
    const secret = world(undefined, privateRun());
    const { id, pendingEntry } = await secret.run();
    expect(secret.inputs[0]?.seed).toEqual(privacySeed(workerSeed, id));
    expect(privacySeed(workerSeed, id)).not.toEqual(privacySeed(workerSeed, randomBytes32()));
    const { statement } = parseEntry(pendingEntry ?? new Uint8Array(0));
    expect(JSON.stringify(statement)).toContain(seedCommitmentOf(workerSeed, id));
  });

  it('gives nothing out once its seller has revoked, though the run is over', async () => {
    const { run, blobs, chain, row } = world(async () => void (chain.revoked = true));
    await expect(run()).rejects.toMatchObject({ code: 'DATASET_REVOKED' });
    expect([blobs.size, row().state]).toEqual([0, 'training']);
  });

  it('gives nothing out once its buyer has cancelled, though the run is over', async () => {
    const { run, blobs, change, row } = world(async () => void change('training', { cancelledAt: new Date() }));
    await expect(run()).rejects.toMatchObject({ code: 'JOB_CANCELLED', details: { reason: 'cancelled' } });
    expect([blobs.size, row().state]).toEqual([0, 'training']);
  });

  it('tells steps and the time that is left, four times a second at most, and always the last', async () => {
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const steps = [
      [10, 0],
      [11, 100],
      [20, 1_000],
      [29, 1_100],
      [30, 1_200],
    ] as const;
    const { run, reports } = world(async ({ onProgress }) => {
      for (const [step, atMs] of steps) {
        nowMs = atMs;
        onProgress(step, 30);
      }
    });
    await run();
    const heard = reports.map(({ step, of, secondsLeft }) => [step, of, secondsLeft]);
    expect(heard).toEqual([
      [10, 30, null],
      [20, 30, 1],
      [30, 30, 0],
    ]);
  });

  it('is refused by the gate if what came out is not what was declared', async () => {
    const { run, blobs } = world(async (input) => void (input.weights = input.weights.subarray(1)));
    await expect(run()).rejects.toMatchObject({ code: 'GATE_REFUSED' });
    expect(blobs.size).toBe(0);
  });
});
