/**
 * The privacy ledger.
 * Real: PostgreSQL, its locks and its races; JobRepository as API and worker use it. Faked: the jobs, whose signatures are random.
 * LEDGER_ROUNDS says how often the race is run (50 by default).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWeighbridgeError } from '../../src/kernel/index.js';
import { DatabasePool, PrismaService } from '../../src/platform/index.js';
import {
  epsilonOfLoss,
  familiesOf,
  gaussianRdp,
  lossOf,
  NOTHING,
  replayLedger,
  type LedgerEvent,
} from '../../src/privacy/index.js';
import { FindBalance } from '../../src/privacy/ledger/balance.js';
import { JobRepository } from '../../src/training/job.repository.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { randomBytes32, someJob } from '../support/jobs.js';

const ROUNDS = Number(process.env['LEDGER_ROUNDS'] ?? 50);
const DELTA = 1e-5;
const loss = lossOf(gaussianRdp({ samplingRate: 0.05, noiseMultiplier: 1.2, steps: 200 }));
const ten = loss.map((one) => 10n * one);
/** Room for ten runs, not for eleven. */
const budget = { epsilon: epsilonOfLoss(ten, DELTA) + 1e-6, delta: DELTA };

let database: TestDatabase;
let pool: DatabasePool;
let prisma: PrismaService;
let jobs: JobRepository;
let balances: FindBalance;
beforeAll(async () => {
  database = await startTestDatabase();
  pool = new DatabasePool(database.url, 64);
  prisma = new PrismaService(pool);
  jobs = new JobRepository(prisma);
  balances = new FindBalance(prisma);
});
afterAll(async () => {
  await prisma?.$disconnect();
  await pool?.end();
  await database?.stop();
});

const shards = (count: number): string[] => Array.from({ length: count }, () => `shard-${randomBytes32()}`);
const submit = async (families: string[][]) => {
  const job = someJob();
  await jobs.create(job, [], { families, loss, budget });
  return job;
};
const spentOf = async (id: string) => (await balances.ofShards([id]))[0];

describe('a budget for ten', () => {
  it(
    `lets ten of 64 submits in that come at once, in each of ${ROUNDS} rounds`,
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const ids = shards(3);
        const families = familiesOf([ids], ids);
        const outcomes = await Promise.allSettled(Array.from({ length: 64 }, async () => submit(families)));
        const refused = outcomes.filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown);
        for (const error of refused) expect(isWeighbridgeError(error) ? error.code : error).toBe('BUDGET_EXHAUSTED');
        expect(outcomes.length - refused.length).toBe(10);
        for (const { spent, reserved } of await balances.ofShards(ids)) {
          expect(spent).toEqual(NOTHING);
          expect(reserved).toEqual(ten);
        }
      }
    },
    ROUNDS * 60_000,
  );

  it('leaves no job behind that it did not pay for', async () => {
    const ids = shards(1);
    const before = await prisma.job.count();
    await Promise.allSettled(Array.from({ length: 12 }, async () => submit([ids])));
    expect((await prisma.job.count()) - before).toBe(10);
  });
});

describe('what a job took', () => {
  it('is given back when it ends before its key, and is for good from then on', async () => {
    const [id = ''] = shards(1);
    const [ends, runs] = [await submit([[id]]), await submit([[id]])];
    await jobs.transition(ends.id, 'submitted', 'granting');
    await jobs.transition(ends.id, 'granting', 'recording');
    await jobs.fixRecord(ends, 'recording', 'refusing', { reason: 'deadline-passed' }, async () => new Uint8Array(1));
    expect(await spentOf(id)).toMatchObject({ spent: NOTHING, reserved: loss });
    await jobs.transition(runs.id, 'submitted', 'granting');
    await jobs.transition(runs.id, 'granting', 'recording');
    await jobs.transition(runs.id, 'recording', 'training');
    expect(await spentOf(id)).toMatchObject({ spent: loss, reserved: NOTHING });
    await jobs.fixRecord(runs, 'training', 'refusing', { reason: 'trainer-failed' }, async () => new Uint8Array(1));
    expect(await spentOf(id)).toMatchObject({ spent: loss, reserved: NOTHING });
  });

  it('is taken once, however often the same order is submitted', async () => {
    const [id = ''] = shards(1);
    const job = someJob();
    for (let i = 0; i < 3; i += 1) await jobs.create(job, [], { families: [[id]], loss, budget });
    expect((await spentOf(id))?.reserved).toEqual(loss);
  });
});

describe('the log', () => {
  it('makes the same balance as the ledger, over versions that share, drop and bring rows', async () => {
    const [a = '', b = '', c = '', d = ''] = shards(4);
    const versions = [
      [a, b],
      [a, c],
      [c, d],
    ];
    const events: LedgerEvent[] = [];
    for (const [n, shardIds] of versions.entries()) {
      events.push({ kind: 'listed', version: n + 1, shardIds });
      for (let i = 0; i <= n; i += 1) {
        const job = await submit(familiesOf(versions.slice(0, n + 1), shardIds));
        await jobs.transition(job.id, 'submitted', 'granting');
        await jobs.transition(job.id, 'granting', 'recording');
        await jobs.transition(job.id, 'recording', 'training');
        events.push({ kind: 'lost', shardIds, loss });
      }
      const ledger = await balances.ofFamilies(familiesOf(versions.slice(0, n + 1), shardIds), shardIds);
      expect(new Map(ledger.map(({ shardId, spent }) => [shardId, spent]))).toEqual(replayLedger(events, shardIds));
    }
  });
});

describe('a new version', () => {
  it('keeps the history of rows that stay, and begins changed ones with the worst that they may have', async () => {
    const [stays = '', changes = '', changed = ''] = shards(3);
    const first = familiesOf([[stays, changes]], [stays, changes]);
    for (let i = 0; i < 10; i += 1) {
      const job = await submit(first);
      await jobs.transition(job.id, 'submitted', 'granting');
      await jobs.transition(job.id, 'granting', 'recording');
      await jobs.transition(job.id, 'recording', 'training');
    }
    const versions = [
      [stays, changes],
      [stays, changed],
    ];
    await expect(submit(familiesOf(versions, [stays]))).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    await expect(submit(familiesOf(versions, [changed]))).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
  });

  it('takes of the old version too, for its rows may stand there', async () => {
    const [old = '', young = ''] = shards(2);
    await submit(familiesOf([[old], [young]], [young]));
    expect((await spentOf(old))?.reserved).toEqual(loss);
  });

  it('counts what was reserved before it was listed', async () => {
    const [old = '', young = ''] = shards(2);
    const job = await submit(familiesOf([[old]], [old]));
    await submit(familiesOf([[old], [young]], [young]));
    await jobs.transition(job.id, 'submitted', 'granting');
    await jobs.transition(job.id, 'granting', 'recording');
    await jobs.transition(job.id, 'recording', 'training');
    expect(await spentOf(young)).toMatchObject({ spent: loss, reserved: loss });
  });
});
