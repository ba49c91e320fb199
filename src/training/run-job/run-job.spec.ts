// Real: the state machine, record sealing, key derivation, the refusal rules. Faked at the ports: database row, log, chain,
// key nodes, storage and sandbox, each by a few lines that fail as the test asks.
import { describe, expect, it, vi } from 'vitest';
import { failure, order, orderId, pseudonym, workerSeed, world } from '../../../test/support/run-job-world.js';
import type { ErrorCode } from '../../kernel/index.js';
import { parseEntry } from '../../provenance/index.js';
import type { RunJobDeps } from './deps.js';
import { whileWanted } from './assert-wanted.js';
import { runJob } from './run-job.js';
import { workerAccount } from './worker-account.js';

describe('runJob', () => {
  it('derives the same worker account for the same order, and another for another', () => {
    expect(workerAccount(workerSeed, orderId).address).toBe(workerAccount(workerSeed, orderId).address);
    expect(workerAccount(workerSeed, order.keyId).address).not.toBe(workerAccount(workerSeed, orderId).address);
    expect(workerAccount(new Uint8Array(32), orderId).address).not.toBe(workerAccount(workerSeed, orderId).address);
  });

  it('logs the access under the pseudonym of the licence, and the account that pays nowhere', async () => {
    const { deps, appended } = world();
    // The next step, recording, has no chain here and ends the run; the record is in the log by then.
    await runJob(deps, orderId, 0).catch(() => undefined);
    const granted = parseEntry(appended[0] ?? new Uint8Array());
    expect(granted).toMatchObject({ type: 'access-granted', predicate: { buyer: pseudonym } });
    expect(JSON.stringify(granted.statement).toLowerCase()).not.toContain(order.buyer.slice(2));
  });

  it('turns a failure that cannot heal into a logged refusal and a settlement message', async () => {
    const { deps, appended, messages, row } = world(
      { state: 'training' },
      { manifest: failure('PIECE_CORRUPT', false) },
    );
    await runJob(deps, orderId, 0);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'data-corrupt', refusalIndex: 0, pendingEntry: null });
    expect(messages).toEqual([{ queue: 'settlement', name: 'settle', jobId: orderId, payload: { orderId } }]);
    const record = parseEntry(appended[0] ?? new Uint8Array());
    expect(record).toMatchObject({ type: 'training-refused', predicate: { orderId, reason: 'data-corrupt' } });
  });

  it.each([
    ['PROVIDER_DOWN', 0, 'data-unavailable'],
    ['KEY_NODES_DOWN', 0, 'key-nodes-down'],
    ['PROVIDER_DOWN', 5, 'out-of-time'],
    [null, 0, 'out-of-time'],
  ] as const)(
    'says why time was up for a run that waited for %s and had made %d steps: %s',
    async (waitingFor, progressStep, reason) => {
      const { deps, appended, row } = world(
        { state: 'training', waitingFor, progressStep },
        { manifest: failure('TIMEOUT', false) },
      );
      await runJob(deps, orderId, 0);
      expect(row()).toMatchObject({ state: 'refunding', reason });
      expect(parseEntry(appended[0] ?? new Uint8Array()).predicate).toMatchObject({ reason });
    },
  );

  it("logs no access for a run that the seller's terms do not allow, whatever the API let in", async () => {
    const { deps, appended, row } = world({}, { privacy: 'refused' });
    await runJob(deps, orderId, 0);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'model-rejected' });
    expect(appended.map((entry) => parseEntry(entry).type)).toEqual(['training-refused']);
  });

  it('logs no access for an order whose deadline passed while the job waited', async () => {
    const { deps, appended, row } = world({}, { chainNow: Number(order.deadline) + 1 });
    await runJob(deps, orderId, 0);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'deadline-passed' });
    expect(appended.map((entry) => parseEntry(entry).type)).toEqual(['training-refused']);
  });

  it.each([
    ['submitted', 'dataset', 'dataset-revoked'],
    ['granting', 'licence', 'licence-revoked'],
    ['recording', 'dataset', 'dataset-revoked'],
    ['training', 'licence', 'licence-revoked'],
  ] as const)('stops a job that is %s once the seller revoked the %s', async (state, revoked, reason) => {
    const { deps, appended, row } = world({ state }, { revoked });
    await runJob(deps, orderId, 0);
    expect(row()).toMatchObject({ state: 'refunding', reason });
    expect(appended.map((entry) => parseEntry(entry).type)).toEqual(['training-refused']);
  });

  it.each(['submitted', 'granting', 'recording', 'training'] as const)(
    'ends a job that is %s once its buyer cancelled it, with a logged refusal',
    async (state) => {
      const { deps, appended, messages, row } = world({ state, cancelledAt: new Date() });
      await runJob(deps, orderId, 0);
      expect(row()).toMatchObject({ state: 'refunding', reason: 'cancelled' });
      expect(appended.map((entry) => parseEntry(entry).predicate)).toMatchObject([{ reason: 'cancelled' }]);
      expect(messages).toHaveLength(1);
    },
  );

  it('takes no result of a run that was cancelled, and stops it while it runs', async () => {
    const { deps, row } = world({ state: 'training' });
    const cancelled = { cancelledAt: new Date() };
    const job = row();
    const finished = whileWanted(
      { ...deps, jobs: { ...deps.jobs, get: async () => ({ ...job, ...cancelled }) } },
      job,
      async () => 'weights',
    );
    await expect(finished).rejects.toMatchObject({ code: 'JOB_CANCELLED', details: { reason: 'cancelled' } });
    const stopped = whileWanted(
      { ...deps, jobs: { ...deps.jobs, get: async () => ({ ...job, ...cancelled }) } },
      job,
      async (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    await expect(stopped).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
  });

  it('stops a run once its seller revoked, and goes on while the chain cannot be asked', async () => {
    const { deps, row } = world({ state: 'training' });
    const answers = [failure('CHAIN_UNAVAILABLE', true), false, true];
    const isRevoked = async (): Promise<boolean> => {
      const answer = answers.shift() ?? true;
      if (typeof answer === 'boolean') return answer;
      throw answer;
    };
    vi.useFakeTimers();
    try {
      const running = whileWanted(
        { ...deps, chain: { ...deps.chain, isRevoked } },
        row(),
        async (signal) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      );
      const stopped = expect(running).rejects.toMatchObject({ details: { reason: 'dataset-revoked' } });
      await vi.advanceTimersByTimeAsync(16_000);
      await stopped;
      expect(answers).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves what may heal to the queue, and changes nothing', async () => {
    const { deps, appended, row } = world({ state: 'training' }, { manifest: failure('KEY_NODES_DOWN', true) });
    await expect(runJob(deps, orderId, 50)).rejects.toMatchObject({ code: 'KEY_NODES_DOWN' });
    expect(row().state).toBe('training');
    expect(appended).toHaveLength(0);
  });

  it('refuses what may heal once the deadline is near', async () => {
    const near = new Date(Date.now() + 10_000);
    const { deps, row } = world({ state: 'training', deadline: near }, { manifest: failure('KEY_NODES_DOWN', true) });
    await runJob(deps, orderId, 50);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'key-nodes-down' });
  });

  it('tries an unforeseen failure again, but not for ever', async () => {
    const { deps, row } = world({ state: 'training' }, { manifest: new Error('a bug') });
    await expect(runJob(deps, orderId, 0)).rejects.toThrow('a bug');
    await expect(runJob(deps, orderId, 1)).rejects.toThrow('a bug');
    await runJob(deps, orderId, 2);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'trainer-failed' });
  });

  it('never refuses a job whose completion may be in the log', async () => {
    const start = { state: 'completing', pendingEntry: new Uint8Array([1]) } as const;
    const { deps, row } = world(start, { append: failure('BAD_INPUT', false) });
    await expect(runJob(deps, orderId, 9)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(row().state).toBe('completing');
  });

  it.each<[ErrorCode, string]>([
    ['KEY_DENIED', 'key-denied'],
    ['MODEL_REJECTED', 'model-rejected'],
    ['MODEL_DOES_NOT_FIT', 'model-rejected'],
    ['BLOB_NOT_FOUND', 'model-rejected'],
    ['DIGEST_MISMATCH', 'model-rejected'],
    ['GATE_REFUSED', 'gate-refused'],
    ['DEADLINE_PASSED', 'deadline-passed'],
    ['DATASET_REVOKED', 'dataset-revoked'],
    ['INTERNAL', 'trainer-failed'],
  ])('says of %s no more than %s', async (code, reason) => {
    const { deps, appended, row } = world({ state: 'training' }, { manifest: failure(code, false) });
    await runJob(deps, orderId, 0);
    expect(row().reason).toBe(reason);
    expect(parseEntry(appended[0] ?? new Uint8Array()).predicate).toMatchObject({ reason });
  });

  it('ends no job because its worker shuts down: the next one goes on', async () => {
    const { deps, appended, row } = world({ state: 'training' }, { manifest: failure('TRAINER_FAILED', false) });
    const stop = new AbortController();
    const warn = vi.fn();
    const manifestOf: RunJobDeps['manifestOf'] = async (job) => {
      stop.abort(new Error('the worker shuts down'));
      return deps.manifestOf(job);
    };
    const shutting = { ...deps, manifestOf, signal: stop.signal, logger: { ...deps.logger, warn } };
    await expect(runJob(shutting, orderId, 0)).rejects.toThrow('the worker shuts down');
    expect([row().state, appended, warn.mock.calls]).toEqual(['training', [], []]);
  });

  it('tells whoever watches what it waits for, also once the worker is another', async () => {
    const { deps, row } = world({ state: 'training' }, { manifest: failure('PROVIDER_DOWN', true) });
    const told: unknown[] = [];
    const telling = { ...deps, report: async (report: unknown) => void told.push(report) } as RunJobDeps;
    await expect(runJob(telling, orderId, 0)).rejects.toMatchObject({ code: 'PROVIDER_DOWN' });
    expect(row().waitingFor).toBe('PROVIDER_DOWN');
    const waiting = { state: 'training', step: 0, of: 0, waitingFor: 'PROVIDER_DOWN' };
    expect(told).toEqual([{ state: 'training', step: 0, of: 0 }, waiting]);
    await expect(runJob(telling, orderId, 1)).rejects.toMatchObject({ code: 'PROVIDER_DOWN' });
    expect(told[2]).toEqual(waiting);
  });

  it('takes only a named reason from the trainer', async () => {
    const named = world({ state: 'training' }, { manifest: failure('TRAINER_FAILED', false, 'out-of-memory') });
    await runJob(named.deps, orderId, 0);
    expect(named.row().reason).toBe('out-of-memory');
    const foreign = world({ state: 'training' }, { manifest: failure('TRAINER_FAILED', false, 'row 7 says hello') });
    await runJob(foreign.deps, orderId, 0);
    expect(foreign.row().reason).toBe('trainer-failed');
  });

  it('removes the state of a run before its completion is logged', async () => {
    const start = { state: 'completing', pendingEntry: new Uint8Array([1]) } as const;
    const { deps, stored } = world(start, { append: failure('BAD_INPUT', false) });
    stored.set(orderId, Uint8Array.of(1));
    await expect(runJob(deps, orderId, 0)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(stored.size).toBe(0);
  });

  it('hands a job that settlement owns back untouched', async () => {
    const { deps, states } = world({ state: 'settling' });
    expect((await runJob(deps, orderId, 0)).state).toBe('settling');
    expect(states).toEqual(['settling']);
  });
});
