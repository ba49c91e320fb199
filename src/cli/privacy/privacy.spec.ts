// Real: records, signatures, tiles, proofs, accounting. Faked: where the tiles come from, and the marketplace's answer.
import { describe, expect, it } from 'vitest';
import { testTerminal } from '../../../test/support/cli.js';
import { FakeMarket } from '../../../test/support/fake-market.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import { ORIGIN, signNote, trust } from '../../../test/support/noted-log.js';
import { market, parties, provenanceStory, trainer } from '../../../test/support/provenance-story.js';
import type { Manifest } from '../../catalog/manifest.js';
import { orderIdOf, type Bytes32, type Order } from '../../kernel/index.js';
import { addLoss, gaussianRdp, lossOf, NOTHING, privateRunRdp, RDP_ORDERS, type Loss } from '../../privacy/index.js';
import {
  accessGrantedRecord,
  positionAfter,
  sealRecord,
  trainingCompletedRecord,
  trainingRefusedRecord,
  type RunPrivacy,
} from '../../provenance/index.js';
import { formatCheckpoint } from '../../provenance/verify/index.js';
import type { Dataset, PrivacyBalance } from '../api/schemas.js';
import type { Cli } from '../cli.js';
import { signedHead } from '../audit/log-reader.js';
import { scanRecords } from '../audit/scan.js';
import { comparePrivacy, reachedKeys } from './audit.js';
import { epsilon, quote } from './cost.js';
import { priceList } from './price-list.js';

const story = await provenanceStory();
const { listed, licensed } = story.entries;
const { operator, worker } = parties;
const RUN = { samplingRate: 0.05, noiseMultiplier: 1.2, steps: 200 };
const CLAIM = { epsilon: 4, delta: 1e-5, unitColumn: null, seedCommitment: 'ab'.repeat(32) };
const loss = lossOf(gaussianRdp(RUN));
const SHARD = `0x${'5a'.repeat(32)}`;
const { dataset } = await FakeMarket.create();
const audited: Pick<Dataset, 'id' | 'manifest' | 'terms'> = {
  id: story.keyId,
  manifest: dataset.manifest,
  terms: {
    ...dataset.terms,
    privacy: { budget: { epsilon: 10, delta: 1e-5, maxEpsilonPerJob: 5, pricePerEpsilon: '0.5' } },
  },
};

type Bought = Pick<Exclude<RunPrivacy, 'none'>, 'metric' | 'moments'>;

/** The dataset's records with private runs that end as said, one after another. */
async function logOf(
  ...given: (Bought | 'completed' | 'refused-after' | 'refused-before' | 'corrupt-before' | 'open')[]
): Promise<Uint8Array[]> {
  const [first] = given;
  const privacy = { ...CLAIM, ...RUN, ...(typeof first === 'object' ? first : {}) };
  const ends = given.filter((end) => typeof end === 'string');
  const entries = [listed, licensed];
  const next = () => positionAfter(entries.at(-1) ?? listed);
  for (const [n, end] of ends.entries()) {
    const order: Order = { ...story.order, salt: `0x${String(n + 1).padStart(64, '0')}` };
    const access = await sealRecord({
      ...accessGrantedRecord(market, {
        order,
        buyer: parties.pseudonym.address,
        worker: worker.address,
        assignSignature: await assign(order),
        privacy,
        position: next(),
        grantedAt: new Date(Date.UTC(2026, 10, 25, 12, n)),
      }),
      signer: operator,
    });
    entries.push(access);
    if (end === 'open') continue;
    entries.push(end === 'completed' ? await completion(order, access, next()) : await refusal(order, end, next()));
  }
  return entries;
}

async function assign(order: Order) {
  const { marketplaceDomain, TYPES } = await import('../../kernel/index.js');
  const message = { orderId: orderIdOf(market, order), worker: worker.address };
  return operator.signTypedData({ domain: marketplaceDomain(market), types: TYPES, primaryType: 'Assign', message });
}

async function completion(order: Order, accessEntry: Uint8Array, position: ReturnType<typeof positionAfter>) {
  const record = trainingCompletedRecord(market, {
    order,
    worker: worker.address,
    weightsSha256: '33'.repeat(32),
    ciphertextSha256: '44'.repeat(32),
    manifestDigest: story.offer.manifestDigest,
    initialWeightsSha256: '22'.repeat(32),
    accessEntry,
    epochs: 1,
    privacy: { epsilon: CLAIM.epsilon, delta: CLAIM.delta },
    attested: false,
    trainer,
    position,
    startedAt: new Date(0),
    finishedAt: new Date(0),
  });
  return sealRecord({ ...record, signer: worker });
}

async function refusal(order: Order, end: string, position: ReturnType<typeof positionAfter>) {
  const reason = end === 'corrupt-before' ? 'data-corrupt' : 'cancelled';
  const facts = { order, reason, privacySpent: end === 'refused-after', position, refusedAt: new Date(0) } as const;
  return sealRecord({ ...trainingRefusedRecord(market, facts), signer: operator });
}

function says(spent: Loss, reserved: Loss = NOTHING): PrivacyBalance {
  const shards = [{ shardId: SHARD, spent: [...spent], reserved: [...reserved] }];
  return { budgetEpsilon: 10, delta: 1e-5, takenEpsilon: null, shards };
}

/** @param recorded - orders whose access the chain has recorded; undefined: it is not asked */
async function audit(
  entries: readonly Uint8Array[],
  before: PrivacyBalance,
  after = before,
  recorded?: readonly string[],
) {
  const { head, tile } = memoryLog(entries);
  const log = { tile, checkpoint: async () => signNote(formatCheckpoint({ origin: ORIGIN, ...head })) };
  const scanned = await scanRecords(log, await signedHead(log, trust), trust, () => true);
  const { orderOf } = { orderOf: async () => recorded?.[0] as Bytes32 | undefined };
  const reached = recorded === undefined ? undefined : await reachedKeys(scanned.entries, { orderOf });
  return comparePrivacy(audited, scanned.entries, { before, after }, reached);
}

describe('the audit of a privacy balance', () => {
  it('computes what is spent from the log, and finds it in the marketplace', async () => {
    const entries = await logOf('completed', 'refused-after', 'refused-before');
    const { ok, runs, shards, differences } = await audit(entries, says(addLoss(loss, loss)));
    expect(differences).toEqual([]);
    expect(ok).toBe(true);
    expect(runs.map(({ state, epsilon }) => [state, epsilon])).toEqual([
      ['spent', 4],
      ['spent', 4],
      ['returned', 4],
    ]);
    expect(shards[0]?.spent).toEqual(addLoss(loss, loss));
    expect(shards[0]?.spentEpsilon).toBe(shards[0]?.saidEpsilon);
  });

  it.each<[string, (spent: Loss) => Loss, RegExp]>([
    ['all of it', () => NOTHING, /is spent, the marketplace says less: epsilon 0\.000000/],
    ['a billionth at one order', (spent) => spent.map((one, i) => (i === 17 ? one - 1n : one)), /says less/],
    [
      'a billionth more at one order',
      (spent) => spent.map((one, i) => (i === 65 ? one + 1n : one)),
      /is spent at most/,
    ],
  ])('names the shard when the balance was changed by %s', async (_what, change, message) => {
    const { ok, differences } = await audit(await logOf('completed'), says(change(loss)));
    expect(ok).toBe(false);
    expect(differences).toHaveLength(1);
    expect(differences[0]).toContain(SHARD);
    expect(differences[0]).toMatch(message);
  });

  it('takes a run that has not ended for spent or for reserved, and for nothing else', async () => {
    const entries = await logOf('completed', 'open');
    for (const said of [says(addLoss(loss, loss)), says(loss, loss)])
      expect((await audit(entries, said)).ok).toBe(true);
    expect((await audit(entries, says(loss))).differences[0]).toMatch(/has set aside/);
    // It ended while the log was read.
    expect((await audit(entries, says(loss, loss), says(addLoss(loss, loss)))).ok).toBe(true);
  });

  it('takes no word for a run that was given back, where log or chain say that it could reach its key', async () => {
    const entries = await logOf('refused-before');
    const [run] = (await audit(entries, says(NOTHING))).runs;
    if (run === undefined) throw new Error('no run');
    expect((await audit(entries, says(NOTHING), undefined, [])).differences).toEqual([]);
    const reached = await audit(entries, says(NOTHING), undefined, [run.job]);
    expect(reached.runs).toMatchObject([{ state: 'spent' }]);
    expect(reached.differences).toEqual([
      expect.stringMatching(/^training-refused at 3: .* but the chain has recorded its access/),
      expect.stringMatching(/the marketplace says less: epsilon 0\.000000/),
    ]);
    const corrupt = await audit(await logOf('corrupt-before'), says(loss));
    expect(corrupt.differences).toEqual([expect.stringMatching(/"data-corrupt" is said of rows that were read/)]);
  });

  it('does not give back what was completed before', async () => {
    const entries = await logOf('completed');
    const order: Order = { ...story.order, salt: `0x${'1'.padStart(64, '0')}` };
    const twice = [...entries, await refusal(order, 'refused-before', positionAfter(entries.at(-1) ?? listed))];
    const { runs, differences } = await audit(twice, says(loss));
    expect(runs).toMatchObject([{ state: 'spent' }]);
    expect(differences.join()).toContain('spent nothing, but the log has another end of it');
  });

  it('finds a run that was left out of the log', async () => {
    const [first, second, , ...rest] = await logOf('completed', 'completed');
    if (first === undefined || second === undefined) throw new Error('no records');
    const { differences } = await audit([first, second, ...rest], says(loss));
    expect(differences.join()).toContain('record 3 of this dataset missing');
  });

  it('finds a run that costs more than its record says', async () => {
    const entries = await logOf();
    const privacy = { ...CLAIM, ...RUN, epsilon: 1 };
    const buyer = story.licence.buyer;
    const facts = {
      order: story.order,
      buyer,
      worker: worker.address,
      assignSignature: await assign(story.order),
      privacy,
    };
    const record = accessGrantedRecord(market, {
      ...facts,
      position: positionAfter(licensed),
      grantedAt: new Date(Date.UTC(2026, 10, 25, 13)),
    });
    const cheap = await sealRecord({ ...record, signer: operator });
    const { differences } = await audit([...entries, cheap], says(NOTHING, loss));
    expect(differences.join()).toMatch(/costs epsilon [\d.]+, its record says 1/);
  });

  it.each<[string, (noiseMultiplier: number) => Bought]>([
    ['a metric', (noiseMultiplier) => ({ metric: { name: 'accuracy', noiseMultiplier } })],
    ['moments of columns', (noiseMultiplier) => ({ moments: { noiseMultiplier } })],
  ])('counts %s that a run bought, and finds one that paid too little for it', async (_what, bought) => {
    const entries = await logOf(bought(9), 'completed');
    const both = lossOf(privateRunRdp({ ...RUN, ...bought(9) }));
    expect((await audit(entries, says(both))).differences).toEqual([]);
    expect((await audit(entries, says(loss))).differences[0]).toMatch(/the marketplace says less/);
    for (const [noise, cost] of [
      [0.5, /costs epsilon [\d.]+, its record says 4/],
      [0, /costs epsilon Infinity, its record says 4/],
    ] as const) {
      const loud = await logOf(bought(noise), 'completed');
      expect((await audit(loud, says(both))).differences.join()).toMatch(cost);
    }
  });

  it('says when more was spent than the terms give', async () => {
    const ends = Array.from({ length: 12 }, () => 'completed' as const);
    const { differences } = await audit(await logOf(...ends), says(loss.map((one) => one * 12n)));
    expect(differences.join()).toMatch(/is spent of a budget of 10/);
  });

  it('knows every order', () => {
    expect(says(NOTHING).shards[0]?.spent).toHaveLength(RDP_ORDERS.length);
  });
});

function heldOut([piece]: Manifest['pieces']): Manifest['pieces'][number] {
  if (piece === undefined) throw new Error('the dataset has a piece');
  return { ...piece, holdout: true };
}

describe('what each epsilon costs', () => {
  const priced = {
    terms: audited.terms,
    rowCount: 10_000,
    offer: { ...dataset.offer, pricePerEpsilon: '500000000000000000', maxEpsilonMicros: '5000000' },
  };
  const run = { batchRows: 256, epochs: 20 };

  it('is the price, and the price of the epsilon, with less noise the more it is', () => {
    const list = priceList(priced, says(NOTHING), run);
    expect(list).toMatchObject({ delta: 1e-5, budgetEpsilon: 10, takenEpsilon: 0, steps: 800 });
    expect(list?.epsilons.map(({ epsilon, priceWei, left }) => [epsilon, priceWei, left])).toEqual([
      [0.5, 5_250_000_000_000_000_000n, true],
      [1, 5_500_000_000_000_000_000n, true],
      [2, 6_000_000_000_000_000_000n, true],
      [4, 7_000_000_000_000_000_000n, true],
      [5, 7_500_000_000_000_000_000n, true],
    ]);
    const noise = list?.epsilons.map(({ noiseMultiplier }) => noiseMultiplier ?? 0) ?? [];
    expect(noise).toEqual(noise.toSorted((a, b) => b - a));
  });

  it('says what is not left, and what no noise gives', () => {
    const taken = loss.map((one) => one * 6n);
    const list = priceList(priced, says(taken), run, [0.5, 5]);
    expect(list?.epsilons.map(({ left }) => left)).toEqual([true, false]);
    const [hopeless] = priceList(priced, says(NOTHING), { batchRows: 1, epochs: 10_000 }, [0.0001])?.epsilons ?? [];
    expect(hopeless).toMatchObject({ noiseMultiplier: null, left: false });
  });

  it.each([{ metricEpsilon: 0.5 }, { standardiseEpsilon: 0.5 }, { metricEpsilon: 0.25, standardiseEpsilon: 0.25 }])(
    'has in it what is bought beside the weights, and nothing that a run may not take: %o',
    (bought) => {
      const list = priceList(priced, says(NOTHING), { ...run, ...bought });
      const without = priceList(priced, says(NOTHING), run);
      expect('meanNoise' in (list ?? {})).toBe('standardiseEpsilon' in bought);
      expect(list?.epsilons.map(({ epsilon }) => epsilon)).toEqual([0.5, 1, 2, 4]);
      for (const { epsilon, totalEpsilon, priceWei, noiseMultiplier } of list?.epsilons ?? []) {
        expect(totalEpsilon).toBeGreaterThan(epsilon);
        expect(totalEpsilon).toBeLessThanOrEqual(epsilon + 0.5);
        expect(priceWei).toBe(5n * 10n ** 18n + BigInt(Math.round(totalEpsilon * 1e6)) * 5n * 10n ** 11n);
        expect(noiseMultiplier).toBe(without?.epsilons.find((one) => one.epsilon === epsilon)?.noiseMultiplier);
      }
    },
  );

  it('is told with a command that buys all that was quoted, of what is left', async () => {
    const world = await FakeMarket.create();
    const manifest = { ...dataset.manifest, pieces: [...dataset.manifest.pieces, heldOut(dataset.manifest.pieces)] };
    Object.assign(world.dataset, { ...priced, manifest });
    const printed = async (taken: Loss) => {
      const { ui, stdout } = testTerminal();
      const api = { dataset: async () => world.dataset, privacyBalance: async () => says(taken) };
      await quote({ ui, api: async () => api } as unknown as Cli, { dataset: '0x', ...run, metricEpsilon: 0.5 });
      return stdout();
    };
    expect(await printed(NOTHING)).toMatch(
      /--epsilon 4 --epochs 20 --batch-rows 256 --metric accuracy --metric-epsilon 0\.5 --out/,
    );
    expect(await printed(loss.map((one) => one * 6n))).toMatch(/more than is left[^]*Try next:.* --epsilon 2 /);
    expect(await printed(loss.map((one) => one * 20n))).not.toContain('Try next');
  });

  it('is nothing where the terms sell none', () => {
    expect(priceList({ ...priced, terms: dataset.terms }, says(NOTHING), run)).toBeUndefined();
  });
});

describe('weighbridge privacy epsilon', () => {
  const run = { samplingRate: 0.1, steps: 10, delta: 1e-5 };

  it('answers with a number or an error, whatever the noise', () => {
    const { ui, stdout } = testTerminal({ json: true });
    epsilon({ ui } as unknown as Cli, { ...run, noiseMultiplier: 1e308 });
    expect(JSON.parse(stdout())).toEqual({ epsilon: 0 });
    expect(() => epsilon({ ui } as unknown as Cli, { ...run, noiseMultiplier: 1e-200 })).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }),
    );
  });
});
