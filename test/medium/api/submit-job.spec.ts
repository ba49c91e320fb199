// Real: the API over HTTP, PostgreSQL, BullMQ on it, the model and its checks, every digest and signature. Faked: log, chain,
// the recorder's key file; no worker runs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonDigest, sha256Hex, utf8 } from '../../../src/kernel/index.js';
import { Queues } from '../../../src/platform/index.js';
import { nextPosition } from '../../../src/provenance/index.js';
import { JobRepository } from '../../../src/training/job.repository.js';
import { buildRecipe } from '../../../src/training/recipes/build-recipe.js';
import { ask, codeOf, get } from '../../support/api/client.js';
import {
  licensed,
  listed,
  putBlob,
  readyToSubmit,
  signedIn,
  submit,
  paidOrder,
  type Ready,
} from '../../support/api/steps.js';
import { makeOrder, newAccount, nowSeconds } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

let api: TestApi;
let ready: Ready;
beforeAll(async () => {
  api = await startTestApi();
  ready = await readyToSubmit(api);
});
afterAll(async () => api?.stop());

const JOB = `query ($id: String!) { job(id: $id) { id state buyer operator reason deadline priceWei jobDigest ciphertextUrl receipt
  progress { id state step of reason } dataset { id title } } }`;

const paid = async (change: Parameters<typeof paidOrder>[2] = {}, model = ready.model) =>
  paidOrder(api, ready, change, model);
const jobCount = async (id: string) => api.prisma.job.count({ where: { id } });

describe('checkModel', () => {
  const CHECK = `query ($dataset: Bytes32!, $declaration: JSON!) {
    checkModel(dataset: $dataset, declaration: $declaration) { jobDigest epsilonMicros priceWei } }`;
  const check = (change: object, token: string | undefined = ready.buyer.token, dataset = ready.listing.keyId) =>
    ask(api, CHECK, { dataset, declaration: { ...ready.model.declaration, ...change } }, token);

  it('says what an order for the model must name, with nothing paid', async () => {
    expect((await check({})).data).toEqual({
      checkModel: {
        jobDigest: `0x${jsonDigest(ready.model.declaration)}`,
        epsilonMicros: '0',
        priceWei: '5000000000000000000',
      },
    });
  });

  it.each([
    ['no pass over the rows', { epochs: 0 }, 'BAD_INPUT'],
    ['files that were never sent', { graph: 'ab'.repeat(32) }, 'BLOB_NOT_FOUND'],
    ['tensors that the weights do not have', { trainable: ['nothing'] }, 'MODEL_REJECTED'],
  ])('refuses %s as submitJob would', async (_what, change, code) => {
    expect(await codeOf(check(change))).toBe(code);
  });

  it('refuses a label that the dataset does not have', async () => {
    const label = { ...ready.model.declaration.label, column: 'other' };
    expect(await codeOf(check({ label }))).toBe('MODEL_DOES_NOT_FIT');
  });

  it('refuses a stranger, and a dataset that is not there', async () => {
    expect(await codeOf(check({}, ''))).toBe('UNAUTHENTICATED');
    expect(await codeOf(check({}, ready.buyer.token, `0x${'1'.repeat(64)}`))).toBe('DATASET_NOT_FOUND');
  });
});

describe('submitJob', () => {
  it('takes a paid order in and hands it to the queue', async () => {
    const { input, orderId } = await paid();
    const { data, errors } = await submit(api, input, ready.buyer.token);
    expect(errors).toEqual([]);
    expect(data).toEqual({ submitJob: { id: orderId, state: 'submitted', buyer: ready.buyer.account.address } });
    expect(await get(api, 'job', JOB, { id: orderId.slice(0, 14) }, ready.buyer.token)).toMatchObject({
      id: orderId,
      priceWei: '5000000000000000000',
      jobDigest: `0x${jsonDigest(ready.model.declaration)}`,
      progress: { state: 'submitted', step: 0, of: 0 },
      dataset: { id: ready.listing.keyId, title: 'Handwritten digits' },
      receipt: null,
    });
    const queue = new Queues({ databaseUrl: api.database.url }).queue('training');
    await expect
      .poll(async () => (await queue.getJob(orderId))?.data as object, { timeout: 20_000 })
      .toEqual({ orderId });
    await queue.close();
  });

  it('takes an order once, however often and however concurrently it is submitted', async () => {
    const { input, orderId } = await paid();
    const answers = await Promise.all([1, 2, 3, 4].map(async () => submit(api, input, ready.buyer.token)));
    expect(answers.flatMap((answer) => answer.errors)).toEqual([]);
    expect(await jobCount(orderId)).toBe(1);
    api.chain.orders.delete(orderId);
    expect((await submit(api, input, ready.buyer.token)).errors).toEqual([]);
  });

  it('keeps a job whose API was ended right after it answered', async () => {
    const { input, orderId } = await paid();
    expect((await submit(api, input, ready.buyer.token)).errors).toEqual([]);
    await api.restart();
    expect(await get(api, 'job', JOB, { id: orderId }, ready.buyer.token)).toMatchObject({ state: 'submitted' });
    const queue = new Queues({ databaseUrl: api.database.url }).queue('training');
    await expect.poll(async () => (await queue.getJob(orderId))?.id, { timeout: 20_000 }).toBe(orderId);
    await queue.close();
  });

  it('takes an order against an offer that was replaced meanwhile', async () => {
    const [seller, buyer] = [ready.seller, ready.buyer];
    const first = await listed(api, seller);
    const licence = await licensed(api, buyer, first);
    const made = await makeOrder(api.network, buyer.account, first, licence);
    const orderId = api.chain.open(made.order, first.offer);
    const record = { position: await nextPosition(api.prisma, first.keyId) };
    await listed(api, seller, { datasetId: first.manifest.datasetId, offer: { price: 9n * 10n ** 18n }, record });
    expect((await submit(api, made.input, buyer.token)).errors).toEqual([]);
    expect((await new JobRepository(api.prisma).get(orderId)).priceWei).toBe(first.offer.price);
  });

  type Case = { input: object; orderId: string; token?: string };
  const bad: [string, string, () => Promise<Case>][] = [
    ['a stranger', 'UNAUTHENTICATED', async () => ({ ...(await paid()), token: '' })],
    ["another's order", 'FORBIDDEN', async () => ({ ...(await paid()), token: ready.seller.token })],
    [
      'an order that was never paid',
      'ESCROW_NOT_FOUND',
      async () => ({
        ...(await makeOrder(api.network, ready.buyer.account, ready.listing, ready.licence)),
        orderId: '',
      }),
    ],
    ...(['settled', 'refunded', 'recorded'] as const).map((state): (typeof bad)[number] => [
      `an order that is ${state} already`,
      'ESCROW_MISMATCH',
      async () => tampered(await paid(), { state }),
    ]),
    ['a smaller payment', 'ESCROW_MISMATCH', async () => tampered(await paid(), { amountWei: 1n })],
    ["another buyer's payment", 'ESCROW_MISMATCH', async () => tampered(await paid(), { buyer: newAccount().address })],
    ['other shares', 'ESCROW_MISMATCH', async () => tampered(await paid(), { splitHash: `0x${'1'.repeat(64)}` })],
    ['another deadline', 'ESCROW_MISMATCH', async () => tampered(await paid(), { deadline: nowSeconds() + 10 })],
    ['a deadline that is too near', 'DEADLINE_PASSED', async () => paid({ deadline: BigInt(nowSeconds() + 5) })],
    ['an operator of another deployment', 'OFFER_MISMATCH', async () => paid({ operator: newAccount().address })],
    ['an offer that never was', 'OFFER_MISMATCH', async () => paid({ offer: `0x${'1'.repeat(64)}` })],
    ['a dataset that is not there', 'DATASET_NOT_FOUND', async () => paid({ keyId: `0x${'1'.repeat(64)}` })],
    ['a licence that is not there', 'LICENCE_NOT_FOUND', async () => paid({ licence: `0x${'1'.repeat(64)}` })],
    [
      "another's licence",
      'LICENCE_NOT_FOUND',
      async () => paid({ licence: (await licensed(api, await signedIn(api), ready.listing)).id }),
    ],
    [
      'a licence for another dataset',
      'LICENCE_NOT_FOUND',
      async () => paid({ licence: (await licensed(api, ready.buyer, await listed(api, ready.seller))).id }),
    ],
    [
      'a licence that is over',
      'LICENCE_EXPIRED',
      async () => {
        const { id } = await licensed(api, ready.buyer, ready.listing);
        await api.prisma.licence.update({ where: { id }, data: { validUntil: new Date(Date.now() - 1) } });
        return paid({ licence: id });
      },
    ],
    [
      'a licence that the seller revoked',
      'LICENCE_EXPIRED',
      async () => {
        const { id } = await licensed(api, ready.buyer, ready.listing);
        api.chain.revokedLicences.add(id);
        return paid({ licence: id });
      },
    ],
    ['another declaration than the one ordered', 'DIGEST_MISMATCH', async () => declared(await paid(), { epochs: 3 })],
    ['code instead of a model', 'BAD_INPUT', async () => declared(await paid(), { code: 'import os' })],
    ['a recipient with a typing error', 'BAD_INPUT', async () => withRecipient(await paid(), 'age1' + 'q'.repeat(58))],
    ['an SSH key as recipient', 'BAD_INPUT', async () => withRecipient(await paid(), 'ssh-ed25519 AAAA')],
    [
      'a model whose files were never sent',
      'BLOB_NOT_FOUND',
      async () => paidModel({ ...ready.model, declaration: { ...ready.model.declaration, graph: 'ab'.repeat(32) } }),
    ],
    [
      'a model for columns that the dataset does not have',
      'MODEL_DOES_NOT_FIT',
      async () => {
        const columns = ready.listing.manifest.columns.map((c) => ({ ...c, name: `other_${c.name}` }));
        const model = buildRecipe('mlp', { manifest: { columns, label: 'other_digit' } });
        await putModel(model);
        return paidModel(model);
      },
    ],
    [
      'bytes that are no model',
      'MODEL_REJECTED',
      async () => {
        const graph = utf8('not ONNX at all');
        const model = { ...ready.model, graph, declaration: { ...ready.model.declaration, graph: sha256Hex(graph) } };
        await putModel(model);
        return paidModel(model);
      },
    ],
  ];
  it.each(bad)('refuses %s with %s, and takes no job', async (_what, code, make) => {
    const { input, orderId, token } = await make();
    const { errors } = await submit(api, input, token ?? ready.buyer.token);
    expect(errors[0]?.extensions).toMatchObject({ code, next: expect.stringMatching(/\w+/) as string });
    expect(await jobCount(orderId)).toBe(0);
  });

  type Paid = Awaited<ReturnType<typeof paid>>;
  function tampered(made: Paid, change: object): Paid {
    const onChain = api.chain.orders.get(made.orderId);
    if (onChain !== undefined) api.chain.orders.set(made.orderId, { ...onChain, ...change });
    return made;
  }
  function declared(made: Paid, change: object): Case {
    return { ...made, input: { ...made.input, declaration: { ...made.input.declaration, ...change } } };
  }
  function withRecipient(made: Paid, recipient: string): Case {
    return { ...made, input: { ...made.input, recipient } };
  }
  async function putModel({ declaration, graph, weights }: typeof ready.model): Promise<void> {
    await putBlob(api, declaration.graph, graph, ready.buyer.token);
    await putBlob(api, declaration.weights, weights, ready.buyer.token);
  }
  async function paidModel(model: typeof ready.model): Promise<Paid> {
    return paid({ jobDigest: `0x${jsonDigest(model.declaration)}` }, model);
  }
});
