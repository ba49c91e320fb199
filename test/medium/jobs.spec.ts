// Real: PostgreSQL with the product's migrations, BullMQ on it, the outbox dispatcher. Faked: nothing.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabasePool, OutboxDispatcher, PrismaService, processorOf, Queues } from '../../src/platform/index.js';
import { JobRepository } from '../../src/training/job.repository.js';
import type { NewJob } from '../../src/training/job.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { randomBytes32, someJob } from '../support/jobs.js';
import { trainer } from '../support/provenance-story.js';

let database: TestDatabase;
let pool: DatabasePool;
let prisma: PrismaService;
let jobs: JobRepository;

beforeAll(async () => {
  database = await startTestDatabase();
  pool = new DatabasePool(database.url);
  prisma = new PrismaService(pool);
  jobs = new JobRepository(prisma);
});

afterAll(async () => {
  await prisma?.$disconnect();
  await pool?.end();
  await database?.stop();
});

const run = (job: NewJob) => ({ queue: 'training', name: 'run', jobId: job.id, payload: { orderId: job.id } }) as const;

/** A client whose transactions end in the given way: lost before the commit, or committed and then reported as failed. */
function failing(when: 'before' | 'after'): PrismaService {
  type Body = (tx: unknown) => Promise<unknown>;
  const transaction = async (body: Body): Promise<never> => {
    await prisma.$transaction(async (tx) => {
      await body(tx);
      if (when === 'before') throw new Error('connection lost before the commit');
    });
    throw new Error('connection lost after the commit');
  };
  return new Proxy(prisma, {
    get: (target, property) =>
      property === '$transaction' ? transaction : (Reflect.get(target, property, target) as unknown),
  });
}

describe('JobRepository', () => {
  it('gives back what was stored, to the last unit', async () => {
    const priceWei = 2n ** 127n - 1n;
    const job = someJob({ priceWei });
    const { created } = await jobs.create(job, []);
    expect(created).toBe(true);
    const stored = await jobs.get(job.id);
    expect(stored).toMatchObject({ ...job, state: 'submitted', worker: null, receipt: null, pendingEntry: null });
    expect(stored.priceWei).toBe(priceWei);
  });

  it('creates once, with one message, however often it is asked', async () => {
    const job = someJob();
    const answers = await Promise.all([1, 2, 3, 4].map(async () => jobs.create(job, [run(job)])));
    expect(answers.filter((a) => a.created)).toHaveLength(1);
    expect(await prisma.outboxMessage.count({ where: { jobId: job.id } })).toBe(1);
  });

  it('keeps neither row nor message when the commit is lost, and both once when only its answer is', async () => {
    const lost = someJob();
    await expect(new JobRepository(failing('before')).create(lost, [run(lost)])).rejects.toThrow('before the commit');
    expect(await jobs.find(lost.id)).toBeUndefined();
    expect(await prisma.outboxMessage.count({ where: { jobId: lost.id } })).toBe(0);

    const kept = someJob();
    await expect(new JobRepository(failing('after')).create(kept, [run(kept)])).rejects.toThrow('after the commit');
    expect((await jobs.create(kept, [run(kept)])).created).toBe(false);
    expect(await prisma.outboxMessage.count({ where: { jobId: kept.id } })).toBe(1);
  });

  it('lets one of two workers move a job', async () => {
    const job = someJob();
    await jobs.create(job, []);
    const both = await Promise.allSettled([
      jobs.transition(job.id, 'submitted', 'granting', { pendingEntry: randomBytes(100) }),
      jobs.transition(job.id, 'submitted', 'granting', { pendingEntry: randomBytes(100) }),
    ]);
    expect(both.map((r) => r.status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = both.find((r) => r.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: 'JOB_STATE' });
    expect((await jobs.get(job.id)).state).toBe('granting');
  });

  it('refuses a move that the table does not have, and a patch in the wrong state', async () => {
    const job = someJob();
    await jobs.create(job, []);
    await expect(jobs.transition(job.id, 'submitted', 'settled')).rejects.toMatchObject({ code: 'JOB_STATE' });
    await expect(jobs.patch(job.id, 'training', { progressStep: 1 })).rejects.toMatchObject({ code: 'JOB_STATE' });
    await expect(jobs.get(randomBytes32())).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    expect((await jobs.get(job.id)).progressStep).toBe(0);
  });

  it('undoes a move whose commit is lost', async () => {
    const job = someJob();
    await jobs.create(job, []);
    const repository = new JobRepository(failing('before'));
    await expect(repository.transition(job.id, 'submitted', 'granting', {}, [run(job)])).rejects.toThrow();
    expect((await jobs.get(job.id)).state).toBe('submitted');
    expect(await prisma.outboxMessage.count({ where: { jobId: job.id } })).toBe(0);
  });

  it('waits for nothing any more once it has moved', async () => {
    const job = someJob();
    await jobs.create(job, []);
    const waiting = await jobs.patch(job.id, 'submitted', { waitingFor: 'WITNESSES_MISSING' });
    expect(waiting.waitingFor).toBe('WITNESSES_MISSING');
    expect((await jobs.transition(job.id, 'submitted', 'granting')).waitingFor).toBeNull();
  });

  it('stores bytes and JSON exactly, and clears them', async () => {
    const job = someJob();
    await jobs.create(job, []);
    const pendingEntry = new Uint8Array(randomBytes(65_535));
    await jobs.transition(job.id, 'submitted', 'granting', { pendingEntry, trainer });
    expect(await jobs.get(job.id)).toMatchObject({ pendingEntry, trainer });
    const cleared = await jobs.patch(job.id, 'granting', { pendingEntry: null, trainer: null });
    expect(cleared).toMatchObject({ pendingEntry: null, trainer: null });
  });

  it('lists what is unfinished, oldest first', async () => {
    const [first, second, done] = [someJob(), someJob(), someJob()];
    for (const job of [first, second, done]) await jobs.create(job, []);
    await jobs.transition(done.id, 'submitted', 'refusing', { reason: 'dataset-revoked' });
    await jobs.transition(done.id, 'refusing', 'refunding', { refusalIndex: 1 });
    await jobs.transition(done.id, 'refunding', 'refunded');
    const ids = (await jobs.listUnfinished()).map((job) => job.id);
    expect(ids.indexOf(first.id)).toBeGreaterThanOrEqual(0);
    expect(ids.indexOf(second.id)).toBeGreaterThan(ids.indexOf(first.id));
    expect(ids).not.toContain(done.id);
  });
});

describe('outbox', () => {
  it('brings each committed job to a worker once, though two dispatchers run and one of them stops', async () => {
    const queues = new Queues({ databaseUrl: database.url });
    await queues.migrate();
    await prisma.outboxMessage.deleteMany();
    const seen: string[] = [];
    const worker = queues.worker('training', processorOf('training', { run: async (p) => seen.push(p.orderId) }));
    const errors: unknown[] = [];
    const dispatchers = [1, 2].map(() => new OutboxDispatcher(pool, queues, (error) => errors.push(error)));
    await Promise.all(dispatchers.map(async (d) => d.start()));
    try {
      const created = Array.from({ length: 20 }, () => someJob());
      await Promise.all(created.slice(0, 10).map(async (job) => jobs.create(job, [run(job)])));
      await dispatchers[0]?.stop();
      await Promise.all(created.slice(10).map(async (job) => jobs.create(job, [run(job)])));
      for (let i = 0; i < 300 && seen.length < created.length; i++) await sleep(100);
      expect(seen.sort()).toEqual(created.map((job) => job.id).sort());
      expect(await prisma.outboxMessage.count()).toBe(0);
      expect(errors).toEqual([]);
    } finally {
      await Promise.all(dispatchers.map(async (d) => d.stop()));
      await worker.close();
    }
  });

  it('refuses to start a processor with a handler missing or to spare', () => {
    expect(() => processorOf('training', {} as never)).toThrow('carries run');
    const spare = { run: async () => undefined, other: async () => undefined };
    expect(() => processorOf('training', spare)).toThrow('handlers are other,run');
  });
});
