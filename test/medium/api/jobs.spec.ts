// Real: the API over HTTP, PostgreSQL, BullMQ on it, the model and its checks, every digest and signature. Faked: log, chain,
// the recorder's key file; no worker runs.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DatasetRepository } from '../../../src/catalog/index.js';
import { jsonDigest, sha256Hex, utf8 } from '../../../src/kernel/index.js';
import { BlobStore, Queues } from '../../../src/platform/index.js';
import { JobRepository } from '../../../src/training/job.repository.js';
import { buildRecipe } from '../../../src/training/recipes/build-recipe.js';
import { ask, bearer, codeOf, get } from '../../support/api/client.js';
import { licensed, listed, putBlob, readyToSubmit, signedIn, submit } from '../../support/api/steps.js';
import { makeOrder, newAccount, nowSeconds } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
import { someJob } from '../../support/jobs.js';

let api: TestApi;
let ready: Awaited<ReturnType<typeof readyToSubmit>>;
beforeAll(async () => {
  api = await startTestApi();
  ready = await readyToSubmit(api);
});
afterAll(async () => api?.stop());

const JOB = `query ($id: String!) { job(id: $id) { id state buyer operator reason deadline priceWei jobDigest ciphertextUrl receipt
  progress { id state step of reason } dataset { id title } } }`;

/** One more paid order for the same dataset, model and buyer, with one thing changed before it is opened on chain. */
async function paid(change: Parameters<typeof makeOrder>[4] = {}, model = ready.model) {
  const made = await makeOrder(api.network, ready.buyer.account, ready.listing, ready.licence, change, model);
  return { ...made, orderId: api.chain.open(made.order, ready.listing.offer) };
}
const jobCount = async (id: string) => api.prisma.job.count({ where: { id } });

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
    await listed(api, seller, { datasetId: first.manifest.datasetId, offer: { price: 9n * 10n ** 18n } });
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

describe('a job', () => {
  it('is there for its buyer and its seller, and for nobody else', async () => {
    const { input, orderId } = await paid();
    await submit(api, input, ready.buyer.token);
    const stranger = await signedIn(api);
    for (const { token } of [ready.buyer, ready.seller]) {
      expect(await get(api, 'job', JOB, { id: orderId }, token)).toMatchObject({ id: orderId });
    }
    expect(await get(api, 'job', JOB, { id: orderId }, stranger.token)).toBeNull();
    expect(await codeOf(ask(api, JOB, { id: orderId }))).toBe('UNAUTHENTICATED');
    const jobs = await get<{ totalCount: number }>(api, 'jobs', '{ jobs { totalCount } }', {}, stranger.token);
    expect(jobs.totalCount).toBe(0);
  });

  it('shows where the weights are to its buyer alone', async () => {
    const { input, orderId } = await paid();
    await submit(api, input, ready.buyer.token);
    const bytes = utf8(`age file of ${orderId}`);
    const digest = sha256Hex(bytes);
    await api.prisma.job.update({ where: { id: orderId }, data: { ciphertextDigest: digest } });
    const url = async (token: string) =>
      (await get<{ ciphertextUrl: string | null }>(api, 'job', JOB, { id: orderId }, token)).ciphertextUrl;
    expect(await url(ready.buyer.token)).toBe(`${api.url}/blobs/sha256/${digest}`);
    expect(await url(ready.seller.token)).toBeNull();
  });

  it('is listed page by page, newest first, with one look at the datasets for the whole page', async () => {
    const [buyer, other] = [await signedIn(api), ready.listing];
    const jobs = Array.from({ length: 7 }, () =>
      someJob({ buyer: buyer.account.address.toLowerCase() as `0x${string}`, keyId: other.keyId }),
    );
    const repository = new JobRepository(api.prisma);
    for (const job of jobs) await repository.create(job, []);
    const PAGE = `query ($after: String) { jobs(first: 3, after: $after) { totalCount nodes { id dataset { id revoked } }
      pageInfo { hasNextPage endCursor } } }`;
    interface Page {
      totalCount: number;
      nodes: { id: string }[];
      pageInfo: { hasNextPage: boolean; endCursor: string };
    }
    const reads = vi.spyOn(api.app.get(DatasetRepository, { strict: false }), 'findMany');
    const seen: string[] = [];
    for (let after: string | undefined, more = true; more;) {
      const page = await get<Page>(api, 'jobs', PAGE, { after }, buyer.token);
      expect(page.totalCount).toBe(7);
      seen.push(...page.nodes.map((node) => node.id));
      [after, more] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
    }
    expect(seen).toEqual(jobs.map((job) => job.id).reverse());
    expect(reads.mock.calls).toEqual([[[other.keyId]], [[other.keyId]], [[other.keyId]]]);
  });
});

describe('blobs', () => {
  const read = async (digest: string, token?: string): Promise<Response> =>
    fetch(`${api.url}/blobs/sha256/${digest}`, { headers: bearer(token) });

  it('keeps bytes under their digest, once', async () => {
    const bytes = utf8(`some model ${Math.random()}`);
    const digest = sha256Hex(bytes);
    expect((await putBlob(api, digest, bytes, ready.buyer.token)).status).toBe(201);
    expect((await putBlob(api, digest, bytes, ready.buyer.token)).status).toBe(200);
    const back = await read(digest, ready.buyer.token);
    expect(back.status).toBe(200);
    expect(back.headers.get('content-length')).toBe(String(bytes.length));
    expect(new Uint8Array(await back.arrayBuffer())).toEqual(bytes);
  });

  it('refuses bytes that are not what their digest says, and keeps nothing of them', async () => {
    const digest = sha256Hex(utf8('the right bytes'));
    const response = await putBlob(api, digest, utf8('other bytes'), ready.buyer.token);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'DIGEST_MISMATCH', next: expect.any(String) as string });
    expect((await read(digest, ready.buyer.token)).status).toBe(404);
  });

  it('refuses what is announced as too large before it is sent', async () => {
    const response = await fetch(`${api.url}/blobs/sha256/${'a'.repeat(64)}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', ...bearer(ready.buyer.token) },
      body: new Uint8Array(257 << 20),
    }).catch(() => undefined);
    // The server may close the line while the client still sends: either way nothing is kept.
    if (response !== undefined) expect(response.status).toBe(413);
    expect((await read('a'.repeat(64), ready.buyer.token)).status).toBe(404);
  });

  it.each([
    ['another media type', { 'content-type': 'application/json' }, '{}', 400],
    ['a digest that is none', { 'content-type': 'application/octet-stream' }, 'x', 400],
  ])('refuses %s', async (what, headers, body, status) => {
    const digest = what.startsWith('a digest') ? 'ABC' : sha256Hex(utf8(body));
    const url = `${api.url}/blobs/sha256/${digest}`;
    const response = await fetch(url, { method: 'PUT', headers: { ...headers, ...bearer(ready.buyer.token) }, body });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code: 'BAD_INPUT' });
  });

  it('shows a model to its uploader and the parties of its job, and to others not even that it exists', async () => {
    const { declaration } = ready.model;
    const stranger = await signedIn(api);
    const { input } = await paid();
    await submit(api, input, ready.buyer.token);
    const statuses = await Promise.all(
      [ready.buyer, ready.seller, stranger].map(async ({ token }) => (await read(declaration.graph, token)).status),
    );
    expect(statuses).toEqual([200, 200, 404]);
    expect((await read(declaration.graph)).status).toBe(401);
    const absent = await (await read('b'.repeat(64), stranger.token)).json();
    const hidden = await (await read(declaration.graph, stranger.token)).json();
    expect(Object.keys(hidden as object)).toEqual(Object.keys(absent as object));
    expect(hidden).toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  it('shows encrypted weights to the buyer of the job alone', async () => {
    const { input, orderId } = await paid();
    await submit(api, input, ready.buyer.token);
    const bytes = utf8(`encrypted weights ${orderId}`);
    const digest = sha256Hex(bytes);
    await new BlobStore(api.env.BLOB_DIR).put(digest, bytes);
    expect((await read(digest, ready.buyer.token)).status).toBe(404);
    await api.prisma.job.update({ where: { id: orderId }, data: { ciphertextDigest: digest } });
    const statuses = await Promise.all(
      [ready.buyer, ready.seller].map(async ({ token }) => (await read(digest, token)).status),
    );
    expect(statuses).toEqual([200, 404]);
  });
});
