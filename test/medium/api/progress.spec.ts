// Real: the API over HTTP and WebSocket, PostgreSQL, BullMQ on PostgreSQL and, where there is one, on Redis, a BullMQ worker.
// Faked: log, chain, the recorder's key file, and what the worker does: it moves the row and reports, as the real one does.
import type { Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { processorOf, Queues } from '../../../src/platform/index.js';
import { JobRepository } from '../../../src/training/job.repository.js';
import type { JobState } from '../../../src/training/job-state.js';
import { runMessage } from '../../../src/training/run-message.js';
import type { Bytes32 } from '../../../src/kernel/index.js';
import { get, webSocketClient } from '../../support/api/client.js';
import { signedIn, type Party } from '../../support/api/steps.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
import { someJob } from '../../support/jobs.js';
import { describeWithRedis, startTestRedis, type TestRedis } from '../../support/redis.js';

const EPOCHS = 5;
/** Beyond what an Int holds. */
const ROWS_BYTES = 3_000_000_000;
const POLL = 'query ($id: String!) { job(id: $id) { progress { step fetchedBytes toFetchBytes } } }';

interface Progress {
  id: string;
  state: JobState;
  step: number;
  of: number;
  reason: string | null;
  fetchedBytes: string | null;
  toFetchBytes: string | null;
}

function suite(startApi: () => Promise<TestApi>): void {
  let api: TestApi;
  let buyer: Party;
  const clients: Client[] = [];
  beforeAll(async () => {
    api = await startApi();
    buyer = await signedIn(api);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(async (client) => client.dispose()));
  });
  afterAll(async () => api?.stop());

  const jobs = (): JobRepository => new JobRepository(api.prisma);
  const create = async (queued: boolean): Promise<Bytes32> => {
    const job = someJob({ buyer: buyer.account.address.toLowerCase() as Bytes32 });
    await jobs().create(job, queued ? [runMessage(job.id)] : []);
    return job.id;
  };

  /** Everything that a subscriber gets until the server ends the subscription. */
  function follow(
    id: string,
    token = buyer.token,
    seen: Progress[] = [],
  ): { seen: Progress[]; end: Promise<unknown>; leave: () => void } {
    const client = webSocketClient(api, token);
    clients.push(client);
    let leave = (): void => undefined;
    const end = new Promise<unknown>((resolve) => {
      leave = client.subscribe<{ jobProgress: Progress }>(
        {
          query:
            'subscription ($id: Bytes32!) { jobProgress(id: $id) { id state step of reason fetchedBytes toFetchBytes } }',
          variables: { id },
        },
        {
          next: ({ data, errors }) => (errors ? resolve(errors) : data && seen.push(data.jobProgress)),
          error: resolve,
          complete: () => resolve('ended'),
        },
      );
    });
    return { seen, end, leave };
  }

  it('shows every epoch of a job that a worker runs, in order, and ends with it', async () => {
    const seen: Progress[] = [];
    let polled: unknown;
    // A watcher that comes late, or a row that ends before its last event is through, shows fewer steps: the worker waits for it.
    const untilSeen = async (step: number): Promise<void> => {
      await vi.waitUntil(() => seen.some((progress) => progress.step >= step), { timeout: 30_000 });
    };
    const worker = new Queues({ databaseUrl: api.env.DATABASE_URL, redisUrl: api.env.REDIS_URL }).worker(
      'training',
      processorOf('training', {
        run: async ({ orderId }, job) => {
          await untilSeen(0);
          for (const [from, to] of [
            ['submitted', 'granting'],
            ['granting', 'recording'],
            ['recording', 'training'],
          ] as const) {
            await jobs().transition(orderId, from, to);
          }
          for (const fetchedBytes of [1, ROWS_BYTES]) {
            await job.updateProgress({ state: 'training', step: 0, of: 0, fetchedBytes, toFetchBytes: ROWS_BYTES });
            await vi.waitUntil(() => seen.some((p) => p.fetchedBytes === String(fetchedBytes)), { timeout: 30_000 });
          }
          polled = await get(api, 'job', POLL, { id: orderId }, buyer.token);
          for (let step = 1; step <= EPOCHS; step++) {
            await job.updateProgress({ state: 'training', step, of: EPOCHS });
            await untilSeen(step);
          }
          await jobs().transition(orderId, 'training', 'completing');
          await jobs().transition(orderId, 'completing', 'settling');
          await jobs().transition(orderId, 'settling', 'settled');
          await job.updateProgress({ state: 'settled', step: EPOCHS, of: EPOCHS });
        },
      }),
    );
    try {
      const id = await create(true);
      expect(await follow(id, buyer.token, seen).end).toBe('ended');
      expect(seen.map((p) => p.id)).toEqual(seen.map(() => id));
      expect(seen.at(-1)?.state).toBe('settled');
      const steps = seen.filter((p) => p.state === 'training' && p.of > 0).map((p) => p.step);
      expect(steps).toEqual([1, 2, 3, 4, 5]);
      const fetched = seen.filter((p) => p.fetchedBytes !== null);
      expect(fetched.map((p) => [p.state, p.step, p.fetchedBytes, p.toFetchBytes])).toEqual([
        ['training', 0, '1', String(ROWS_BYTES)],
        ['training', 0, String(ROWS_BYTES), String(ROWS_BYTES)],
      ]);
      // Who only asks hears of it as well.
      const bytes = String(ROWS_BYTES);
      expect(polled).toEqual({ progress: { step: 0, fetchedBytes: bytes, toFetchBytes: bytes } });
      expect(await get(api, 'job', POLL, { id }, buyer.token)).toMatchObject({ progress: { fetchedBytes: null } });
    } finally {
      await worker.close();
    }
  });

  it('misses no end though no event comes: the row alone is enough', async () => {
    const id = await create(false);
    const { seen, end } = follow(id);
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1);
    await jobs().transition(id, 'submitted', 'refusing', { reason: 'key-denied' });
    await jobs().transition(id, 'refusing', 'refunding');
    await jobs().transition(id, 'refunding', 'refunded');
    expect(await end).toBe('ended');
    expect(seen[0]).toMatchObject({ state: 'submitted' });
    expect(seen.at(-1)).toMatchObject({ state: 'refunded', reason: 'key-denied' });
  });

  it('says at once how a finished job ended', async () => {
    const id = await create(false);
    await jobs().transition(id, 'submitted', 'refusing', { reason: 'deadline-passed' });
    await jobs().transition(id, 'refusing', 'refunding');
    await jobs().transition(id, 'refunding', 'refunded');
    const { seen, end } = follow(id);
    expect(await end).toBe('ended');
    const bytes = { fetchedBytes: null, toFetchBytes: null };
    expect(seen).toEqual([{ id, state: 'refunded', step: 0, of: 0, reason: 'deadline-passed', ...bytes }]);
  });

  it('shows nothing to who is no party, and no difference to a job that is not there', async () => {
    const id = await create(false);
    const stranger = await signedIn(api);
    const hidden = JSON.stringify(await follow(id, stranger.token).end);
    const absent = JSON.stringify(await follow(`0x${'1'.repeat(64)}`, stranger.token).end);
    expect(hidden).toContain('JOB_NOT_FOUND');
    expect(hidden.replaceAll(id, '')).toBe(absent.replaceAll(`0x${'1'.repeat(64)}`, ''));
  });

  it('refuses a subscription that the schema does not have, in our words', async () => {
    const client = webSocketClient(api, buyer.token);
    clients.push(client);
    const outcome = await new Promise<unknown>((resolve) => {
      client.subscribe(
        { query: 'subscription { jobProgres(id: 1) { state } }' },
        { next: resolve, error: resolve, complete: () => resolve('ended') },
      );
    });
    expect(JSON.stringify(outcome)).toContain('BAD_INPUT');
  });

  it('lets one viewer watch so many jobs at a time, and more once it has left some', async () => {
    const id = await create(false);
    const viewer = await signedIn(api);
    await api.prisma.job.update({ where: { id }, data: { seller: viewer.account.address.toLowerCase() } });
    const watches = Array.from({ length: 32 }, () => follow(id, viewer.token));
    await expect.poll(() => watches.every((watch) => watch.seen.length === 1), { timeout: 20_000 }).toBe(true);
    expect(JSON.stringify(await follow(id, viewer.token).end)).toContain('RATE_LIMITED');
    watches[0]?.leave();
    // The server hears of that in its own time; until then it refuses.
    const watchAgain = async (): Promise<number> => {
      const { seen, end } = follow(id, viewer.token);
      await Promise.race([end, vi.waitUntil(() => seen.length > 0, { timeout: 10_000 })]);
      return seen.length;
    };
    await expect.poll(watchAgain, { timeout: 20_000 }).toBe(1);
  });

  it('ends subscriptions when the API ends, soon', async () => {
    const id = await create(false);
    const { seen, end } = follow(id);
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1);
    await api.restart();
    expect(await end).toBeDefined();
  });
}

describe('jobProgress on PostgreSQL', () => suite(async () => startTestApi()));

describeWithRedis('jobProgress on Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(async () => redis?.stop());
  suite(async () => startTestApi({ REDIS_URL: redis.url }));
});
