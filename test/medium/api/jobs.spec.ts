// Real: the API over HTTP, PostgreSQL, BullMQ on it, the model and its checks, every digest and signature. Faked: log, chain,
// the recorder's key file; no worker runs.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DatasetRepository } from '../../../src/catalog/index.js';
import { sha256Hex, utf8 } from '../../../src/kernel/index.js';
import { JobRepository } from '../../../src/training/job.repository.js';
import { ask, codeOf, get } from '../../support/api/client.js';
import { readyToSubmit, signedIn, submit, paidOrder, type Ready } from '../../support/api/steps.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
import { someJob } from '../../support/jobs.js';

let api: TestApi;
let ready: Ready;
beforeAll(async () => {
  api = await startTestApi();
  ready = await readyToSubmit(api);
});
afterAll(async () => api?.stop());

const JOB = `query ($id: String!) { job(id: $id) { id state buyer operator reason deadline priceWei jobDigest ciphertextUrl receipt
  progress { id state step of reason } dataset { id title } } }`;

const paid = async () => paidOrder(api, ready);

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

  it('is cancelled by its buyer alone, and not once its completion is logged', async () => {
    const { input, orderId } = await paid();
    await submit(api, input, ready.buyer.token);
    const CANCEL = 'mutation ($id: Bytes32!) { cancelJob(id: $id) { id state } }';
    const stranger = await signedIn(api);
    expect(await codeOf(ask(api, CANCEL, { id: orderId }, stranger.token))).toBe('JOB_NOT_FOUND');
    expect(await codeOf(ask(api, CANCEL, { id: orderId }, ready.seller.token))).toBe('FORBIDDEN');
    const row = async () => api.prisma.job.findUniqueOrThrow({ where: { id: orderId } });
    expect((await row()).cancelledAt).toBeNull();
    await get(api, 'cancelJob', CANCEL, { id: orderId }, ready.buyer.token);
    const { cancelledAt } = await row();
    expect(cancelledAt).toBeInstanceOf(Date);
    await get(api, 'cancelJob', CANCEL, { id: orderId }, ready.buyer.token);
    expect((await row()).cancelledAt).toEqual(cancelledAt);
    await api.prisma.job.update({ where: { id: orderId }, data: { cancelledAt: null, state: 'settling' } });
    expect(await codeOf(ask(api, CANCEL, { id: orderId }, ready.buyer.token))).toBe('JOB_STATE');
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

  it('has one record fixed at a time, however many hold it', async () => {
    const repository = new JobRepository(api.prisma);
    const job = someJob({ keyId: ready.listing.keyId });
    await repository.create(job, []);
    await api.prisma.job.update({ where: { id: job.id }, data: { state: 'refunding' } });
    const records = async () => api.prisma.datasetRecord.count({ where: { keyId: job.keyId } });
    const before = await records();
    const holders = Array.from({ length: 8 }, async (_, k) =>
      repository.fixRecord(job, 'refunding', 'refunding', {}, async () => utf8(`${job.id} ${k}`)),
    );
    const entries = (await Promise.all(holders)).map(({ pendingEntry }) => sha256Hex(pendingEntry ?? utf8('')));
    expect(new Set(entries).size).toBe(1);
    expect(await records()).toBe(before + 1);
  });
});
