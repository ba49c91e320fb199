// A job in one row, and the ports that `runJob` works with. Real: the state machine, record sealing, key derivation. Faked: database
// row, log, chain, each by a few lines that fail as the test asks.
import { privateKeyToAccount } from 'viem/accounts';
import type { Terms } from '../../src/catalog/manifest.js';
import {
  orderIdOf,
  WeighbridgeError,
  type ErrorCode,
  type Licence,
  type Network,
  type Order,
} from '../../src/kernel/index.js';
import type { Job, JobPatch } from '../../src/training/job.js';
import { assertTransition, type JobState } from '../../src/training/job-state.js';
import type { RunJobDeps } from '../../src/training/run-job/deps.js';

export const operator = privateKeyToAccount(`0x${'11'.repeat(32)}`);
export const workerSeed = new Uint8Array(32).fill(7);
export const market = { chainId: 31415926, contract: `0x${'aa'.repeat(20)}` } as const;
export const order: Order = {
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
export const orderId = orderIdOf(market, order);

/** The buyer, as the records of the job's dataset know it. */
export const pseudonym = `0x${'95'.repeat(20)}` as const;

export function failure(code: ErrorCode, retryable: boolean, reason?: string): WeighbridgeError {
  return new WeighbridgeError(code, code, { next: 'test', retryable, details: reason === undefined ? {} : { reason } });
}

/** A job in one row, and ports that count. `fail` names the port call that throws, and with what. */
export function world(
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
