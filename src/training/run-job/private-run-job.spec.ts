// Real: the state machine, record sealing, key derivation, the refusal rules. Faked at the ports: database row, log, chain,
// key nodes, storage and sandbox, each by a few lines that fail as the test asks.
import { describe, expect, it } from 'vitest';
import { order, orderId, world } from '../../../test/support/run-job-world.js';
import { parseEntry } from '../../provenance/index.js';
import type { ModelDeclaration } from '../model-declaration.js';
import { withPrivacy } from '../private-run.js';
import type { Job } from '../job.js';
import { runJob } from './run-job.js';

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
