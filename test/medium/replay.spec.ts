// Real: bubblewrap, seccomp, Python, JAX, the trainer, encrypted pieces under a seller's shard secret, records, signatures, receipt,
// model files' digests. Faked: the marketplace's API and storage (answers come from memory).
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { runReplay } from '../../src/cli/replay/run-replay.js';
import { replay, type ReplayDeps } from '../../src/cli/replay/replay.js';
import type { Dataset } from '../../src/cli/api/schemas.js';
import type { Cli } from '../../src/cli/cli.js';
import { Reported } from '../../src/cli/ui/reported.js';
import {
  epsilonMicrosOf,
  isWeighbridgeError,
  jsonDigest,
  keyIdOf,
  marketplaceDomain,
  offerFromJson,
  offerToJson,
  sha256Hex,
  TYPES,
  type Bytes32,
} from '../../src/kernel/index.js';
import { trainerIdentity } from '../../src/provenance/index.js';
import { shardKeyOf } from '../../src/storage/index.js';
import { buildRecipe, shapesOf, weigh, type Trainer } from '../../src/training/index.js';
import { standardised } from '../../src/training/moments.js';
import { privacySeed, samplingOf, workerAccount, type ModelDeclaration } from '../../src/training/models.js';
import { createSandboxTrainer } from '../../workers/sandbox/index.js';
import { network, testDir, testTerminal } from '../support/cli.js';
import { exampleDataset, shardIdOf, type EncryptedDataset } from '../support/encrypted-dataset.js';
import { memoryParts } from '../support/memory-parts.js';
import { parties, provenanceStory, type StoryRun } from '../support/provenance-story.js';
import { storyReceipt } from '../support/story-receipt.js';

const pythonDir = path.resolve('.weighbridge/python/trainer');
const trainerDir = path.resolve('workers/trainer/src');
const trainer = createSandboxTrainer({ pythonDir, trainerDir, limits: { threads: 1 } });
/** The run was recorded with one thread, whatever this machine has. */
const trainerOf: ReplayDeps['trainer'] = async ({ threads }) => {
  expect(threads).toBe(1);
  return trainer;
};
const workerSeed = Buffer.alloc(32, 0x5e);
const secret = Buffer.alloc(32, 0x3a);
const datasetId: Bytes32 = `0x${'da'.repeat(32)}`;
const keyId = keyIdOf(parties.seller.address, datasetId, 1);
const keyOf = (index: number) => shardKeyOf(secret, { datasetId, keyEpoch: 1, shardId: shardIdOf(index) });

let rows: EncryptedDataset;
let deps: ReplayDeps;
let orderId: Bytes32;
let logged: string;

beforeAll(async () => {
  rows = await exampleDataset('digits', 2, { datasetId, keyId, keyOf });
  const { manifest } = rows;
  const { graph, weights, declaration: plain } = buildRecipe('mlp', { manifest, epochs: 2 });
  const declaration = privateOf(plain, manifest.rowCount);
  const terms = { version: 1, title: 'Terms', text: 'Be kind.', purposes: ['research'], privacy: {}, licenceDays: 30 };
  // What a worker does, in as many words: trains with the seed of the order, and records what came out and with what.
  const trained = async (id: Bytes32) => {
    const output = await trainer.train(
      {
        manifest,
        declaration,
        graph,
        weights,
        tokenizers: [],
        openKey: async () => Uint8Array.from(rows.dataKey),
        seed: privacySeed(workerSeed, id),
        pieces: rows.pieces.map((piece) => () => whole(piece)),
        timeoutMs: 240_000,
        onProgress: () => undefined,
      },
      new AbortController().signal,
    );
    const expected = {
      declaration,
      shapes: shapesOf(weights),
      initial: weights,
      rowCount: manifest.rowCount,
      heldOut: 0,
    };
    logged = weigh(output, expected).sha256;
    return { weightsSha256: logged, trainer: output.trainer };
  };
  let done: ReturnType<typeof trained> | undefined;
  const run: Partial<StoryRun> = {
    offer: { datasetId, manifestDigest: `0x${jsonDigest(manifest)}`, termsDigest: `0x${jsonDigest(terms)}` },
    pieces: manifest.pieces.map(({ pieceCid, sizeBytes }) => ({ pieceCid, sizeBytes })),
    declaration,
    epsilonMicros: epsilonMicrosOf(8),
    privacyOf: (id) => {
      const { epsilon, delta, noiseMultiplier, samplingRate, steps, moments } = privacyOf(declaration);
      const seedCommitment = sha256Hex(privacySeed(workerSeed, id));
      return { epsilon, delta, noiseMultiplier, samplingRate, steps, moments, unitColumn: null, seedCommitment };
    },
    workerOf: (id) => workerAccount(workerSeed, id),
    train: async (id) => (done ??= trained(id)),
  };
  const story = await provenanceStory(run);
  const receipt: unknown = JSON.parse(new TextDecoder().decode(await storyReceipt({ run })));
  orderId = story.orderId;
  const { offer, offerSignature } = story;
  const dataset = { id: keyId, seller: offer.seller, manifest, terms, offer: offerToJson(offer), offerSignature };
  const blobs = new Map([graph, weights].map((blob) => [sha256Hex(blob), blob]));
  const pieceOf = (cid: string): Uint8Array =>
    rows.pieces[manifest.pieces.findIndex(({ pieceCid }) => pieceCid === cid)] ?? new Uint8Array(0);
  deps = {
    ui: testTerminal().ui,
    network,
    api: {
      job: async () => ({ id: orderId, state: 'settled' }) as never,
      receipt: async () => receipt,
      dataset: async () => dataset as unknown as Dataset,
      getBlob: async (digest) => blobs.get(digest) ?? Promise.reject(new Error(`no blob ${digest}`)),
    },
    pieces: {
      ...memoryParts(new Map(manifest.pieces.map(({ pieceCid }) => [pieceCid, pieceOf(pieceCid)]))),
      download: (cid) => whole(pieceOf(cid)),
    },
    trainer: trainerOf,
    workerSeed,
    shardSecret: async () => Uint8Array.from(secret),
  };
}, 240_000);

function privateOf(declaration: ModelDeclaration, rowCount: number): ModelDeclaration {
  const privacy = {
    epsilon: 8,
    delta: 1e-5,
    noiseMultiplier: 1,
    clippingNorm: 1,
    ...samplingOf(declaration, rowCount),
  };
  // Noise that is drawn before the first step is replayed as well.
  return {
    ...standardised(declaration),
    privacy: { ...privacy, unit: { kind: 'row' }, moments: { noiseMultiplier: 9 } },
  };
}

function privacyOf({ privacy }: ModelDeclaration): Exclude<ModelDeclaration['privacy'], 'none'> {
  if (privacy === 'none') throw new Error('a private run was wanted');
  return privacy;
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function failure(change: Partial<ReplayDeps>): Promise<unknown> {
  return replay(orderId, { ...deps, ...change }).catch((error: unknown) =>
    isWeighbridgeError(error) ? { code: error.code, message: error.message } : error,
  );
}

/** The command itself, with the secrets in files. */
async function command(trainer: ReplayDeps['trainer']): Promise<{ text: string; error: unknown }> {
  const { dir, remove } = await testDir();
  const terminal = testTerminal();
  const workerSeedFile = path.join(dir, 'worker.seed');
  const shardSecretFile = path.join(dir, 'seller.shards');
  await writeFile(workerSeedFile, `${workerSeed.toString('hex')}\n`);
  await writeFile(shardSecretFile, `${secret.toString('hex')}\n`);
  const adapters = { pieceReader: async () => deps.pieces, trainer };
  const cli = { ui: terminal.ui, adapters, network: async () => network, api: async () => deps.api } as unknown as Cli;
  const error: unknown = await runReplay(cli, orderId, { workerSeedFile, shardSecretFile }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  await remove();
  return { text: terminal.stdout(), error };
}

/** A sandbox of another make: what it would record is changed. */
const madeOf = (change: object) => async () => {
  return { ...trainer, assertAvailable: async () => ({ ...(await trainer.assertAvailable()), ...change }) };
};

describe('weighbridge replay', { timeout: 240_000 }, () => {
  it('gives the logged digest of a private run again, with the recorded number of threads', async () => {
    const { error, text } = await command(trainerOf);
    expect(error).toBeUndefined();
    expect(text).toMatch(/^The same weights, bit by bit\./);
    expect(text).toMatch(new RegExp(`trained here: +${logged}`));
    expect(text).toMatch(/on: +1 threads of cpu /);
  });

  it('tells another digest, and fails: a run whose noise was another', async () => {
    const honest = await trainerOf({ threads: 1, device: 'cpu' });
    const train: Trainer['train'] = async (input, signal) => {
      // It reads what the run read: of a wide dataset some columns, not all of each piece.
      const part = vi.spyOn(deps.pieces, 'part').mockResolvedValueOnce(Uint8Array.of(7));
      expect(await input.parts?.part('a piece', 0, 1)).toEqual(Uint8Array.of(7));
      part.mockRestore();
      return honest.train({ ...input, seed: new Uint8Array(32) }, signal);
    };
    const { error, text } = await command(async () => ({ ...honest, train }));
    expect(error).toMatchObject({ error: { code: 'DIGEST_MISMATCH' } });
    expect(error).toBeInstanceOf(Reported);
    expect(text).toMatch(/^Other weights than those that were logged\./);
    expect(text).toMatch(new RegExp(`logged: +${logged}`));
  });

  // All that a record says of an engine: another one of any of it may round otherwise.
  it.each(Object.keys(trainerIdentity.shape))('refuses another %s before anything is fetched', async (name) => {
    const fetched = async (): Promise<never> => Promise.reject(new Error('fetched'));
    const api = { ...deps.api, dataset: fetched, getBlob: fetched };
    const here = name === 'threads' ? 64 : 'another';
    expect(await failure({ trainer: madeOf({ [name]: here }), api })).toEqual({
      code: 'REPLAY_REFUSED',
      message: expect.stringMatching(new RegExp(`\\(${name} .+ there, ${here} here\\)$`)),
    });
  });

  it('refuses rows that the seller has listed since in the place of those that were trained on', async () => {
    const dataset = await deps.api.dataset(keyId);
    const manifest = { ...dataset.manifest, pieces: dataset.manifest.pieces.toReversed() };
    const offer = { ...offerFromJson(dataset.offer), manifestDigest: `0x${jsonDigest(manifest)}` } as const;
    const { chainId, contracts } = network;
    const offerSignature = await parties.seller.signTypedData({
      ...{ domain: marketplaceDomain({ chainId, contract: contracts.marketplace }), types: TYPES },
      ...{ primaryType: 'Offer', message: offer },
    });
    const listed = { ...dataset, manifest, offer: offerToJson(offer), offerSignature };
    expect(await failure({ api: { ...deps.api, dataset: async () => listed } })).toEqual({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('listed with other pieces'),
    });
  });

  it("refuses a seed that is not the worker's, and a secret that does not open the rows", async () => {
    expect(await failure({ workerSeed: Buffer.alloc(32, 1) })).toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('the seed is not that of the worker'),
    });
    expect(await failure({ shardSecret: async () => new Uint8Array(32) })).toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('does not open'),
    });
  });

  it('refuses a receipt whose engine was changed', async () => {
    const receipt = JSON.parse(JSON.stringify(await deps.api.receipt(orderId))) as {
      records: Record<string, { entry: string }>;
    };
    const record = receipt.records['training-completed'];
    if (record === undefined) throw new Error('the record is missing');
    const entry = Buffer.from(record.entry, 'base64').toString('utf8');
    record.entry = Buffer.from(entry.replace(/"payload":"./, '"payload":"A')).toString('base64');
    expect(await failure({ api: { ...deps.api, receipt: async () => receipt } })).toMatchObject({
      code: 'RECEIPT_INVALID',
    });
  });
});
