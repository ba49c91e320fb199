import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { network, testDir, testTerminal, type TestTerminal } from '../../../test/support/cli.js';
import { FakeMarket, type Breakpoint } from '../../../test/support/fake-market.js';
import { parties } from '../../../test/support/provenance-story.js';
import {
  jsonDigest,
  marketplaceDomain,
  offerDigest,
  offerToJson,
  sha256Hex,
  TYPES,
  utf8,
  WeighbridgeError,
  type Offer,
} from '../../kernel/index.js';
import type { Manifest } from '../../catalog/manifest.js';
import { trustOfNetwork, verifyReceipt } from '../../provenance/verify/index.js';
import { buildRecipe, writeModelFile, type ModelDeclaration } from '../../training/models.js';
import { checkDataset } from '../browse/check-dataset.js';
import type { StateDir } from '../state/state-dir.js';
import { refundExpired } from '../account/withdraw.js';
import { knownJobs } from './job-journal.js';
import { makeModel, readFeatures } from './model.js';
import { prepareJob } from './prepare.js';
import { readTokenizers, tokenizersFor } from './tokenizers.js';
import { noiseWarning } from './noise-warning.js';
import { skippedWords, train, type TrainOptions } from './train.js';

// Real: recipes, fit check, signatures, age, receipts and their verification, the disk. Faked at their ports: marketplace, chain.
let dir: string;
let state: StateDir;
let remove: () => Promise<void>;
let world: FakeMarket;
let terminal: TestTerminal;

beforeEach(async () => {
  ({ dir, state, remove } = await testDir());
  world = await FakeMarket.create();
  terminal = testTerminal();
});
afterEach(async () => remove());

async function run(over: Partial<TrainOptions> = {}) {
  const { api, chain } = world;
  const now = () => new Date(world.now * 1000);
  const options: TrainOptions = {
    dataset: world.dataset.id,
    recipe: 'mlp',
    epochs: 3,
    purpose: 'research',
    deadlineMinutes: 60,
    out: path.join(dir, 'weights.safetensors'),
    ...over,
  };
  const deps = { ui: terminal.ui, network, account: parties.buyer, state, api, chain, now };
  return train(options, { ...deps, pseudonym: async () => parties.pseudonym });
}

const PRICE = 5_000_000_000_000_000_000n;
const START = 20_000_000_000_000_000_000n;

describe('a run that goes well', () => {
  it('pays once, and writes the weights and a receipt that verifies', async () => {
    const done = await run();
    expect(world.balanceWei).toBe(START - PRICE);
    const weights = await readFile(done.weights);
    expect(weights.toString()).toBe(`weights of ${done.orderId}`);
    expect(done.weightsDigest).toBe(sha256Hex(weights));
    const receipt = await readFile(path.join(dir, 'receipt.json'));
    expect((await verifyReceipt(receipt, trustOfNetwork(network))).checks.filter(({ ok }) => !ok)).toEqual([]);
  });

  it('keeps identity and journal private, and the identity in the form that age takes', async () => {
    const { orderId } = await run();
    const identity = path.join(state.job(orderId), 'identity.txt');
    expect((await stat(identity)).mode & 0o777).toBe(0o600);
    expect((await stat(state.job(orderId))).mode & 0o777).toBe(0o700);
    expect(await readFile(identity, 'utf8')).toMatch(/^# public key: age1\w+\nAGE-SECRET-KEY-1\w+\n$/);
    expect(await readFile(path.join(state.job(orderId), 'job.json'), 'utf8')).not.toContain('SECRET');
    expect(terminal.stderr() + terminal.stdout()).not.toContain('SECRET');
  });

  it('writes the model beside it when asked', async () => {
    await run({ saveModel: path.join(dir, 'model') });
    expect((await readdir(path.join(dir, 'model'))).sort()).toEqual(['graph.onnx', 'initial.safetensors', 'job.json']);
  });

  it('takes a model from files as well', async () => {
    await run({ saveModel: path.join(dir, 'm') });
    const file = (name: string) => path.join(dir, 'm', name);
    const files = { declaration: file('job.json'), graph: file('graph.onnx'), weights: file('initial.safetensors') };
    await run({ ...files, recipe: undefined, epochs: undefined, purpose: 'teaching' });
    expect(world.opened).toBe(2);
  });
});

it('takes a model file, and what is said beside it', async () => {
  const manifest = world.dataset.manifest;
  const { declaration, graph, weights } = buildRecipe('mlp', { manifest });
  const file = path.join(dir, 'model.wbm');
  const { version, inputs, trainable, tied } = declaration;
  const template = { version, inputs, trainable, tied, graph: declaration.graph, weights: declaration.weights };
  await writeFile(file, writeModelFile({ template, graph, weights, tokenizers: [] }));
  const { orderId } = await run({ recipe: undefined, model: file, epochs: 4, optimiser: 'sgd' });
  const journal = await readFile(path.join(state.job(orderId), 'job.json'), 'utf8');
  expect(JSON.parse(journal)).toMatchObject({
    declaration: { epochs: 4, features: declaration.features, label: declaration.label, optimiser: { name: 'sgd' } },
  });
});

describe('tokenizers', () => {
  const tokenizer = utf8('{"model": {"type": "WordLevel"}}');
  const text = (name: string) => ({ kind: 'text', column: 'note', tokenizer: name, length: 4, pad: 0 }) as const;
  const declares = (...names: string[]) => ({ features: { input: names.map(text) } }) as unknown as ModelDeclaration;
  const given = async (content: Uint8Array = tokenizer) => {
    await writeFile(path.join(dir, 'words.json'), content);
    return readTokenizers([path.join(dir, 'words.json')]);
  };

  it('are sent beside the model', async () => {
    const { api, chain, dataset } = world;
    const now = () => new Date(world.now * 1000);
    const deps = { ui: terminal.ui, network, account: parties.buyer, state, api, chain, now };
    const model = { ...(await makeModel({ recipe: 'mlp' }, dataset.manifest)), tokenizers: [tokenizer] };
    const checked = await checkDataset(dataset, network, chain);
    await prepareJob(checked, model, 'research', 'a'.repeat(64), 60, {
      ...deps,
      pseudonym: async () => parties.pseudonym,
    });
    expect(world.blobs.get(sha256Hex(tokenizer))).toEqual(tokenizer);
  });

  it('are those that features name, by file name in the features file', async () => {
    const read = await given();
    expect(tokenizersFor(declares(sha256Hex(tokenizer), sha256Hex(tokenizer)), read)).toHaveLength(1);
    const features = path.join(dir, 'features.json');
    await writeFile(features, JSON.stringify([text('words.json')]));
    expect(await readFeatures(features, read)).toEqual([text(sha256Hex(tokenizer))]);
  });

  it('that are missing, idle or no tokenizers are refused before anything is paid', async () => {
    const read = await given();
    expect(() => tokenizersFor(declares('0'.repeat(64), sha256Hex(tokenizer)), read)).toThrow('not given');
    const features = path.join(dir, 'features.json');
    await writeFile(features, JSON.stringify([text('other.json')]));
    await expect(readFeatures(features, read)).rejects.toMatchObject({
      message: 'a feature names a tokenizer that was not given (other.json)',
      next: 'Give --tokenizer other.json.',
    });
    await expect(run({ tokenizer: [path.join(dir, 'words.json')] })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(given(utf8('no json'))).rejects.toMatchObject({ code: 'MODEL_REJECTED' });
    expect(world.opened).toBe(0);
  });
});

describe('the same command again', () => {
  it('fetches a finished run without paying, also when the files are gone', async () => {
    const first = await run();
    await rm(first.weights);
    expect(await run()).toEqual(first);
    expect(existsSync(first.weights)).toBe(true);
    expect(world.opened).toBe(1);
  });

  it('pays for another run with --again, and for another purpose, under a licence of its own', async () => {
    await run();
    await run({ again: true });
    expect(world.licences.size).toBe(1);
    await run({ purpose: 'teaching' });
    expect(world.opened).toBe(3);
    expect(world.licences.size).toBe(2);
  });

  const steps: Breakpoint[] = [
    'licence',
    'licensed',
    'blob',
    'open',
    'opened',
    'submit',
    'submitted',
    'watch',
    'receipt',
    'download',
  ];
  it.each(steps)('goes on after it broke at %s, pays once and licenses once', async (step) => {
    world.break = step;
    await expect(run()).rejects.toThrow(`broken at ${step}`);
    expect(existsSync(path.join(dir, 'weights.safetensors'))).toBe(false);
    world.break = undefined;
    const done = await run();
    expect((await readFile(done.weights)).toString()).toBe(`weights of ${done.orderId}`);
    expect(world.opened).toBe(1);
    expect(world.balanceWei).toBe(START - PRICE);
    expect(world.licences.size).toBe(1);
  });

  it('has the key to the weights on the disk before a payment is made', async () => {
    world.break = 'open';
    await expect(run()).rejects.toThrow();
    const [job] = await knownJobs(state);
    expect(existsSync(path.join(state.job(job?.orderId ?? ''), 'identity.txt'))).toBe(true);
  });

  it('begins anew when the order it had prepared can never be opened', async () => {
    world.break = 'open';
    await expect(run()).rejects.toThrow();
    world.break = undefined;
    world.now += 2 * 3600;
    await run();
    expect((await knownJobs(state)).map(({ outcome }) => outcome)).toEqual(['abandoned', 'settled']);
    expect(world.opened).toBe(1);
  });

  it('will not open an order whose deadline is about to pass', async () => {
    world.break = 'open';
    await expect(run()).rejects.toThrow();
    world.break = undefined;
    world.now += 3600 - 30;
    await expect(run()).rejects.toMatchObject({ code: 'DEADLINE_PASSED' });
    expect(world.opened).toBe(0);
  });

  it('takes the money of a paid but never submitted order back after its deadline, and begins anew', async () => {
    world.break = 'submit';
    await expect(run()).rejects.toThrow();
    world.break = undefined;
    world.now += 2 * 3600;
    await run();
    expect([...world.orders.values()].map((order) => order.state)).toEqual(['refunded', 'settled']);
  });

  it('does not run twice at once', async () => {
    const outcomes = await Promise.allSettled([run(), run()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(world.opened).toBe(1);
  });
});

describe('a run that is refused', () => {
  it('says why, that the money is credit, and how to get it; the next run is a new job', async () => {
    world.refuse = 'data-corrupt';
    await expect(run()).rejects.toMatchObject({
      code: 'JOB_STATE',
      message: expect.stringContaining('data-corrupt'),
      next: expect.stringMatching(/5 USDFC.*credit.*weighbridge withdraw/),
    });
    world.refuse = undefined;
    await run();
    expect(world.opened).toBe(2);
  });
});

it('does not pay again for a run whose refund the chain knows nothing of', async () => {
  world.refuse = 'data-corrupt';
  const { order } = world.chain;
  world.chain.order = async (id) => ({ ...(await order(id)), state: 'recorded' });
  const told = expect.stringMatching(/was paid back, and on chain it is recorded/) as unknown;
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(run()).rejects.toMatchObject({ code: 'JOB_STATE', message: told, retryable: true });
  }
  expect(world.opened).toBe(1);
  expect((await knownJobs(state)).map(({ outcome }) => outcome)).toEqual([undefined]);
});

describe('what must not cost anything', () => {
  it.each<[string, Partial<TrainOptions>, string]>([
    ['a purpose that the terms do not allow', { purpose: 'war' }, 'BAD_INPUT'],
    ['a label that is not there', { label: 'z' }, 'MODEL_DOES_NOT_FIT'],
    ['no model at all', { recipe: undefined }, 'BAD_INPUT'],
    ['a place that cannot be written', { out: '/nowhere/weights' }, 'BAD_INPUT'],
    ['a recipe and files', { graph: 'g.onnx' }, 'BAD_INPUT'],
    ['a recipe and a model file', { model: 'm.wbm' }, 'BAD_INPUT'],
    ['a model file that is not there', { recipe: undefined, model: '/nowhere/m.wbm' }, 'BAD_INPUT'],
    ['features for a recipe', { features: 'f.json' }, 'BAD_INPUT'],
    ['columns standardised without privacy', { standardiseEpsilon: 0.3 }, 'BAD_INPUT'],
  ])('%s', async (_name, options, code) => {
    await expect(run(options)).rejects.toMatchObject({ code });
    expect(world).toMatchObject({ opened: 0, licences: { size: 0 }, blobs: { size: 0 } });
  });

  it('no purpose, when nobody can be asked', async () => {
    await expect(run({ purpose: undefined })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      details: { purposes: ['research', 'teaching'] },
    });
  });

  it('an empty purse', async () => {
    world.balanceWei = PRICE - 1n;
    await expect(run()).rejects.toMatchObject({
      code: 'NO_BALANCE',
      message: expect.stringContaining('costs 5 USDFC'),
    });
    expect(world).toMatchObject({ opened: 0, licences: { size: 0 } });
  });

  it.each<[string, (market: FakeMarket) => void, string]>([
    [
      'terms that are not the offered ones',
      ({ dataset }) => (dataset.terms = { ...dataset.terms, text: 'Anything goes.' }),
      'OFFER_MISMATCH',
    ],
    [
      'a manifest that is not the offered one',
      ({ dataset }) => (dataset.manifest = { ...dataset.manifest, rowCount: 11 }),
      'OFFER_MISMATCH',
    ],
    [
      'a price that is not the signed one',
      ({ dataset }) => (dataset.offer = { ...dataset.offer, price: '1' }),
      'OFFER_MISMATCH',
    ],
    [
      'an offer that another signed',
      ({ dataset }) => (dataset.offerSignature = `0x${'11'.repeat(65)}`),
      'OFFER_MISMATCH',
    ],
    [
      'an offer that the chain does not hold',
      ({ chain }) => (chain.offerOf = async () => `0x${'00'.repeat(32)}`),
      'OFFER_MISMATCH',
    ],
    [
      'a network file of another chain, by which no signature holds',
      (market) => {
        market.dataset.offerSignature = `0x${'11'.repeat(65)}`;
        market.chain.offerOf = async () => {
          throw new WeighbridgeError('WRONG_CHAIN', 'the node serves another chain', { next: 'Name its own.' });
        };
      },
      'WRONG_CHAIN',
    ],
    ['a price that is told beside the signed one', ({ dataset }) => (dataset.priceWei = 1n), 'OFFER_MISMATCH'],
    ['another seller', ({ dataset }) => (dataset.seller = parties.operator.address), 'OFFER_MISMATCH'],
    ['another version', ({ dataset }) => (dataset.version = 9), 'OFFER_MISMATCH'],
    ['another title', ({ dataset }) => (dataset.title = 'Other digits'), 'OFFER_MISMATCH'],
    ['another description', ({ dataset }) => (dataset.description = 'For free.'), 'OFFER_MISMATCH'],
    ['another number of rows', ({ dataset }) => (dataset.rowCount = 1_000), 'OFFER_MISMATCH'],
    ['another label', ({ dataset }) => (dataset.label = 'x'), 'OFFER_MISMATCH'],
    ['a revoked dataset', ({ chain }) => (chain.isRevoked = async () => true), 'DATASET_REVOKED'],
  ])('%s', async (_name, spoil, code) => {
    spoil(world);
    await expect(run()).rejects.toMatchObject({ code });
    expect(world).toMatchObject({ opened: 0, licences: { size: 0 } });
  });
});

describe('a seller that signs one dataset into another', () => {
  const other = `0x${'77'.repeat(32)}` as const;

  it.each<[string, (manifest: Manifest) => Manifest, Partial<Offer>, string]>([
    ['its manifest', (manifest) => ({ ...manifest, keyId: other }), {}, 'the manifest is of another dataset'],
    [
      "its rows' key",
      ({ wrappedKey, ...manifest }) => ({
        ...manifest,
        wrappedKey: { ...wrappedKey, condition: { ...wrappedKey.condition, keyId: other } },
      }),
      {},
      'the manifest is of another dataset',
    ],
    ['its offer', (manifest) => manifest, { datasetId: other }, 'the offer is for another dataset'],
  ])('is not paid: %s', async (_name, change, changes, words) => {
    const manifest = change(world.dataset.manifest);
    const offer: Offer = { ...world.offer, manifestDigest: `0x${jsonDigest(manifest)}`, ...changes };
    const deployed = { chainId: network.chainId, contract: network.contracts.marketplace };
    const offerSignature = await parties.seller.signTypedData({
      ...{ domain: marketplaceDomain(deployed), types: TYPES, primaryType: 'Offer', message: offer },
    });
    Object.assign(world.dataset, { manifest, offer: offerToJson(offer), offerSignature });
    world.chain.offerOf = async () => offerDigest(deployed, offer);
    await expect(run()).rejects.toMatchObject({ code: 'OFFER_MISMATCH', message: expect.stringContaining(words) });
    expect(world).toMatchObject({ opened: 0, licences: { size: 0 } });
  });
});

describe('a marketplace that cheats', () => {
  it('with other weights than it recorded: nothing is written', async () => {
    world.otherWeights = new TextEncoder().encode('something else');
    await expect(run()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await readdir(dir)).toEqual(['.weighbridge']);
  });

  it("with another card than the worker's record names: nothing is written", async () => {
    const { api } = world;
    const honest = api.modelFiles;
    api.modelFiles = async (id) => {
      const files = await honest(id);
      return files === undefined ? files : { ...files, 'model-card.md': '# private: epsilon 0' };
    };
    await expect(run()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    api.modelFiles = async () => undefined;
    await expect(run()).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await readdir(dir)).toEqual(['.weighbridge']);
  });

  it('with a receipt of which one digit is changed: nothing is written', async () => {
    const { api } = world;
    const honest = api.receipt;
    api.receipt = async (id) => {
      const text = JSON.stringify(await honest(id));
      return JSON.parse(text.replace('"epochs":3', '"epochs":4')) as unknown;
    };
    await expect(run()).rejects.toMatchObject({ code: 'RECEIPT_INVALID' });
    expect(await readdir(dir)).toEqual(['.weighbridge']);
  });

  it('with the receipt of another job of ours: nothing is written', async () => {
    const first = await run();
    const { api } = world;
    const honest = api.receipt;
    api.receipt = async () => honest(first.orderId);
    await expect(run({ out: path.join(dir, 'second') })).rejects.toMatchObject({
      code: 'RECEIPT_INVALID',
      message: expect.stringContaining('another job'),
    });
    expect(existsSync(path.join(dir, 'second'))).toBe(false);
  });
});

it('says which file is damaged instead of paying again', async () => {
  world.break = 'submit';
  await expect(run()).rejects.toThrow();
  const [job] = await knownJobs(state);
  await writeFile(path.join(state.job(job?.orderId ?? ''), 'job.json'), '{"version":1');
  await expect(run()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(world.opened).toBe(1);
});

it('names the columns that are not used, be it one', () => {
  expect(skippedWords(['a'])).toMatch(/^1 column is not used \(the seller declares nothing of it, .*\): a$/);
  expect(skippedWords(['a', 'b'])).toMatch(
    /^2 columns are not used \(the seller declares nothing of them, .*\): a, b$/,
  );
});

it('gives money back of a job whose declaration another version wrote, and says which journal names no order', async () => {
  world.break = 'submit';
  await expect(run()).rejects.toThrow();
  const [job] = await knownJobs(state);
  const file = path.join(state.job(job?.orderId ?? ''), 'job.json');
  await writeFile(file, JSON.stringify({ ...job, version: 2, declaration: { of: 'another version' } }));
  await expect(knownJobs(state)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const damaged = path.join(state.job(`0x${'7'.repeat(64)}`), 'job.json');
  await mkdir(path.dirname(damaged));
  await writeFile(damaged, '{"version":1');
  world.now += 2 * 3600;
  const warnings: string[] = [];
  const refunded = await refundExpired(world.chain, state, parties.buyer.address, (text) => warnings.push(text));
  expect(refunded).toEqual([job?.orderId]);
  expect([...world.orders.values()].map((order) => order.state)).toEqual(['refunded']);
  expect(warnings).toEqual([expect.stringContaining(damaged)]);
});

describe('mean and deviation of columns', () => {
  const features = { x: ['a', 'b'].map((column) => ({ kind: 'standardise' as const, column, min: 0, max: 9 })) };
  const declared = (noiseMultiplier: number) =>
    ({ inputs: [{ name: 'x' }], features, privacy: { moments: { noiseMultiplier } } }) as unknown as ModelDeclaration;

  it('are warned of where they would be noise above all', async () => {
    // Two columns: a unit moves their four sums by 2.
    expect(await noiseWarning(declared(10), 50)).toMatch(/^the means of 2 columns are off by about 0\.40 of half/);
    expect(await noiseWarning(declared(10), 200)).toBeUndefined();
    expect(await noiseWarning({ ...declared(10), privacy: 'none' }, 5)).toBeUndefined();
  });
});
