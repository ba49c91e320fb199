// Real: the state machine, record sealing, key derivation, the refusal rules. Faked at the ports: database row, log, chain,
// key nodes, storage and sandbox, each by a few lines that fail as the test asks.
import { describe, expect, it, vi } from 'vitest';
import { privateKeyToAccount } from 'viem/accounts';
import { trainer } from '../../../test/support/provenance-story.js';
import type { Terms } from '../../catalog/manifest.js';
import {
  orderIdOf,
  WeighbridgeError,
  type ErrorCode,
  type Licence,
  type Network,
  type Order,
} from '../../kernel/index.js';
import { parseEntry } from '../../provenance/index.js';
import type { ModelDeclaration } from '../model-declaration.js';
import { withPrivacy } from '../private-run.js';
import type { Job, JobPatch } from '../job.js';
import { assertTransition, type JobState } from '../job-state.js';
import type { RunJobDeps } from './deps.js';
import { whileWanted } from './assert-wanted.js';
import { runJob } from './run-job.js';
import { workerAccount } from './worker-account.js';

const operator = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const workerSeed = new Uint8Array(32).fill(7);
const market = { chainId: 31415926, contract: `0x${'aa'.repeat(20)}` } as const;
const order: Order = {
  keyId: `0x${'01'.repeat(32)}`,
  offer: `0x${'02'.repeat(32)}`,
  buyer: `0x${'03'.repeat(20)}`,
  operator: operator.address,
  licence: `0x${'04'.repeat(32)}`,
  jobDigest: `0x${'05'.repeat(32)}`,
  epsilonMicros: 0n,
  deadline: 4_000_000_000n,
  salt: `0x${'06'.repeat(32)}`,
};
const orderId = orderIdOf(market, order);

/** The buyer, as the records of the job's dataset know it. */
const pseudonym = `0x${'95'.repeat(20)}` as const;

function failure(code: ErrorCode, retryable: boolean, reason?: string): WeighbridgeError {
  return new WeighbridgeError(code, code, { next: 'test', retryable, details: reason === undefined ? {} : { reason } });
}

/** A job in one row, and ports that count. `fail` names the port call that throws, and with what. */
function world(
  start: Partial<Job> = {},
  fail: {
    manifest?: unknown;
    append?: unknown;
    chainNow?: number;
    revoked?: 'dataset' | 'licence';
    privacy?: 'refused';
  } = {},
) {
  let row = {
    id: orderId,
    keyId: order.keyId,
    licenceId: order.licence,
    order,
    offer: { maxEpsilonMicros: 0n },
    declaration: { privacy: 'none' },
    state: 'submitted',
    deadline: new Date(Date.now() + 3_600_000),
    pendingEntry: null,
    accessIndex: null,
    progressStep: 0,
    progressOf: 0,
    reason: null,
    cancelledAt: null,
    ...start,
  } as Job;
  const appended: Uint8Array[] = [];
  const messages: unknown[] = [];
  const states: JobState[] = [];
  const stored = new Map<string, Uint8Array>();
  const change = (from: JobState, to: JobState, patch: JobPatch = {}): Job => {
    if (row.state !== from) throw failure('JOB_STATE', false);
    row = { ...row, ...patch, state: to };
    return row;
  };
  const deps = {
    network: { chainId: market.chainId, contracts: { marketplace: market.contract } } as Network,
    jobs: {
      get: async () => row,
      patch: async (_id, state, patch) => change(state, state, patch),
      fixRecord: async (_job, from, to, patch, seal) => {
        const sequence = appended.length + 1;
        const previous = sequence === 1 ? null : '00'.repeat(32);
        return change(from, to, { ...patch, pendingEntry: await seal({ sequence, previous }) });
      },
      transition: async (_id, from, to, patch, outbox = []) => {
        assertTransition(from, to);
        messages.push(...outbox);
        return change(from, to, patch);
      },
    },
    termsOf: async () => ({ privacy: { trainingWithoutPrivacy: fail.privacy !== 'refused' } }) as Terms,
    licenceOf: async () => ({
      licence: { buyer: pseudonym } as Partial<Licence> as Licence,
      pseudonymSignature: '0x',
    }),
    manifestOf: async () => {
      throw fail.manifest ?? failure('INTERNAL', false);
    },
    log: {
      append: async (entry: Uint8Array) => {
        if (fail.append !== undefined) throw fail.append;
        const known = appended.findIndex((e) => Buffer.compare(e, entry) === 0);
        return { index: known >= 0 ? known : appended.push(entry) - 1, leafHash: '' };
      },
    },
    chain: {
      now: async () => fail.chainNow ?? 0,
      isRevoked: async () => fail.revoked === 'dataset',
      isLicenceRevoked: async () => fail.revoked === 'licence',
      order: async () => ({ state: 'open' }) as Awaited<ReturnType<RunJobDeps['chain']['order']>>,
    },
    checkpoints: {
      read: async () => stored.get(orderId),
      write: async (_id, sealed) => stored.set(orderId, sealed).size > 0,
      remove: async () => void stored.delete(orderId),
      keepOnly: async () => undefined,
    },
    operator,
    workerSeed,
    logger: { info: () => undefined, warn: () => undefined },
    signal: new AbortController().signal,
    report: async ({ state }) => void states.push(state),
  } satisfies Partial<Omit<RunJobDeps, 'log' | 'chain'>> & {
    log: Pick<RunJobDeps['log'], 'append'>;
    chain: Pick<RunJobDeps['chain'], 'now' | 'order' | 'isRevoked' | 'isLicenceRevoked'>;
  };
  return { deps: deps as unknown as RunJobDeps, appended, messages, states, stored, row: () => row };
}

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

describe('a private run', () => {
  const rowCount = 1_000;
  const budget = { epsilon: 10, delta: 1e-6, maxEpsilonPerJob: 4, pricePerEpsilon: '1' };
  const plain = { inputs: [], features: {}, batchRows: 64, epochs: 5, precision: 'float32', privacy: 'none' };
  const declaration = withPrivacy(plain as unknown as ModelDeclaration, rowCount, { budget }, { epsilon: 3 });
  const micros = 3_000_000n;

  function paying(start: Partial<Job> & { chainState?: 'open' | 'recorded' }, rows = rowCount) {
    const { chainState = 'open', ...job } = start;
    const made = world({
      order: { ...order, epsilonMicros: micros },
      offer: { maxEpsilonMicros: micros } as Job['offer'],
      declaration,
      ...job,
    });
    const moves: string[] = [];
    const { transition } = made.deps.jobs;
    Object.assign(made.deps, {
      manifestOf: async () => ({ rowCount: rows, columns: [], pieces: [{ rowCount: rows }] }),
      termsOf: async () => ({ privacy: { budget } }),
      jobs: {
        ...made.deps.jobs,
        transition: async (...move: Parameters<typeof transition>) => {
          moves.push(`${move[1]} ${move[2]}`);
          return transition(...move);
        },
      },
    });
    made.deps.chain.order = async () => ({ state: chainState }) as never;
    return { ...made, moves };
  }
  const ended = async ({ deps, appended }: ReturnType<typeof paying>): Promise<unknown[]> => {
    await runJob(deps, orderId, 0).catch(() => undefined);
    return appended.map((entry) => parseEntry(entry)).map(({ type, predicate }) => [type, predicate]);
  };
  const refused = (privacySpent: boolean, reason: string): unknown[] => [
    ['training-refused', expect.objectContaining({ reason, privacySpent })],
  ];

  it('is granted what it paid for', async () => {
    const [first] = (await ended(paying({}))) as [string][];
    expect(first?.[0]).toBe('access-granted');
  });

  it.each<[string, Partial<Job>, number]>([
    ['with another epsilon than its order pays', { order: { ...order, epsilonMicros: micros - 1n } }, rowCount],
    ['with more than the seller lets one have', { offer: { maxEpsilonMicros: micros - 1n } as Job['offer'] }, rowCount],
    ['of fewer rows than its noise was made for', {}, rowCount / 2],
  ])('%s is refused without a record of access, and its budget is given back', async (_what, change, rows) => {
    expect(await ended(paying(change, rows))).toEqual(refused(false, 'model-rejected'));
  });

  it('of an order that the chain has closed gets no record of access', async () => {
    const closed = paying({});
    closed.deps.chain.order = async () => ({ state: 'refunded' }) as never;
    expect(await ended(closed)).toEqual(refused(false, 'deadline-passed'));
  });

  it.each(['submitted', 'granting', 'recording'] as const)(
    'that is cancelled while %s has its budget back: no key was given for it',
    async (state) => {
      expect(await ended(paying({ state, cancelledAt: new Date() }))).toEqual(refused(false, 'cancelled'));
    },
  );

  it('that is cancelled while it trains has spent its budget', async () => {
    expect(await ended(paying({ state: 'training', cancelledAt: new Date() }))).toEqual(refused(true, 'cancelled'));
  });

  it('whose access the chain has recorded behind its row has spent its budget too', async () => {
    const behind = paying({ state: 'recording', cancelledAt: new Date(), chainState: 'recorded' });
    expect(await ended(behind)).toEqual(refused(true, 'cancelled'));
    // The move into `training` is what commits it.
    expect(behind.moves).toEqual(['recording training', 'refusing refunding']);
  });

  it('says of a plain run that nothing is spent', async () => {
    const { deps, appended } = world({ state: 'training', cancelledAt: new Date() });
    await runJob(deps, orderId, 0);
    expect(parseEntry(appended[0] ?? new Uint8Array()).predicate).toMatchObject({ privacySpent: false });
  });
});

describe('a run whose box is lost', () => {
  const killed = new WeighbridgeError('TRAINER_FAILED', 'killed', {
    next: 'test',
    details: { reason: 'out-of-memory', exitCode: 137 },
  });

  /** A sandbox whose boxes get so far, give their state away, and are killed; it notes where each began. */
  function losing(...steps: (number | undefined)[]) {
    const begun: (number[] | undefined)[] = [];
    const { deps, stored, row } = world({ state: 'training', jobDigest: order.jobDigest });
    const train: RunJobDeps['trainer']['train'] = async ({ checkpoints }) => {
      begun.push(checkpoints?.begin && [...checkpoints.begin]);
      const step = steps[begun.length - 1];
      if (step !== undefined) await checkpoints?.keep(Uint8Array.of(step), step);
      throw killed;
    };
    const declaration = { ...row().declaration, features: {} };
    const manifest = { pieces: [], wrappedKey: {} } as unknown as Awaited<ReturnType<RunJobDeps['manifestOf']>>;
    Object.assign(deps, {
      jobs: { ...deps.jobs, get: async () => ({ ...row(), declaration }) },
      manifestOf: async () => manifest,
      blobs: { read: async () => new Uint8Array(0) },
      trainer: { train, assertAvailable: async () => trainer, close: async () => undefined },
    });
    return { deps, stored, row, begun };
  }

  it('goes on from its last state, which lies sealed, and leaves nothing behind', async () => {
    const { deps, stored, row, begun } = losing(9, 12, undefined);
    await expect(runJob(deps, orderId, 0)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    expect(stored.get(orderId)).toHaveLength(12 + 1 + 16);
    await expect(runJob(deps, orderId, 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // The third gets no further than the second: another would not either.
    await runJob(deps, orderId, 2);
    expect(begun).toEqual([undefined, [9], [12]]);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'out-of-memory' });
    expect(stored.size).toBe(0);
  });

  it('tells how much of its rows it has again, beside the steps that were done', async () => {
    const { deps, row } = losing(undefined);
    const told: unknown[] = [];
    const declaration = { ...row().declaration, features: {} };
    Object.assign(deps, {
      jobs: { ...deps.jobs, get: async () => ({ ...row(), declaration, progressStep: 7, progressOf: 20 }) },
      manifestOf: async () => ({ pieces: [{ pieceCid: 'piece', sizeBytes: 8 }], wrappedKey: {} }),
      pieces: {
        async *download(pieceCid: string, _signal: AbortSignal, onProgress: (fetchedBytes: number) => void) {
          onProgress(8);
          yield Buffer.from(pieceCid);
        },
      },
      report: async (progress: unknown) => void told.push(progress),
    });
    deps.trainer.train = async ({ pieces }, signal) => {
      for await (const bytes of pieces[0]?.(signal) ?? []) told.push(String(bytes));
      throw killed;
    };
    await runJob(deps, orderId, 0);
    const fetched = { state: 'training', step: 7, of: 20, fetchedBytes: 8, toFetchBytes: 8 };
    expect(told).toEqual(expect.arrayContaining([fetched, 'piece']));
  });

  it.each<[string, (lost: ReturnType<typeof losing>) => void]>([
    [
      'the engine is another',
      ({ deps }) => Object.assign(deps.trainer, { assertAvailable: async () => ({ ...trainer, threads: 64 }) }),
    ],
    ['the seed is another', ({ deps }) => Object.assign(deps, { workerSeed: new Uint8Array(32) })],
    ['the rows are others', ({ row }) => Object.assign(row().offer, { manifestDigest: order.salt })],
    ['the declaration is another', ({ row }) => Object.assign(row(), { jobDigest: order.salt })],
  ])('starts from its beginning where %s', async (_what, change) => {
    const lost = losing(9, undefined);
    const { deps, stored, begun } = lost;
    await expect(runJob(deps, orderId, 0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    change(lost);
    const { train } = deps.trainer;
    const lying: number[] = [];
    deps.trainer.train = async (...given) => (lying.push(stored.size), train(...given));
    await runJob(deps, orderId, 1);
    expect(begun).toEqual([undefined, undefined]);
    // What the other one computed with this seed is gone before this one begins.
    expect(lying).toEqual([0]);
  });

  it.each<[string, number, boolean]>([
    ['it ended by itself', 1, true],
    ['the disk took none of its state', 137, false],
  ])('is not followed by another where %s', async (_what, exitCode, isWritten) => {
    const { deps, row } = losing();
    deps.checkpoints.write = async () => isWritten;
    deps.trainer.train = async ({ checkpoints }) => {
      await checkpoints?.keep(Uint8Array.of(9), 9);
      throw new WeighbridgeError('TRAINER_FAILED', 'ended', { next: 'test', details: { exitCode } });
    };
    await runJob(deps, orderId, 0);
    expect(row()).toMatchObject({ state: 'refunding', reason: 'trainer-failed' });
  });
});
