// Real: records, signatures, tiles, proofs. Faked: where the tiles come from, and the marketplace's answer.
import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../test/support/memory-log.js';
import { ORIGIN, signNote, trust } from '../../../test/support/noted-log.js';
import { declaration, market, parties, provenanceStory, trainer } from '../../../test/support/provenance-story.js';
import { canonicalJson, utf8, type Bytes32 } from '../../kernel/index.js';
import {
  FIRST_POSITION,
  formatTlogProof,
  inclusionProof,
  NOT_UNLEARNED,
  sealRecord,
  toBase64,
  trainingCompletedRecord,
  verifyBlastRadius,
  VerifiedTree,
} from '../../provenance/index.js';
import { formatCheckpoint } from '../../provenance/verify/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Dataset } from '../api/schemas.js';
import { blastRadiusReport } from './blast-radius.js';
import { readLineage } from './lineage.js';

const story = await provenanceStory();
const { listed, licensed, granted, completed, settled } = story.entries;
const otherKey: Bytes32 = `0x${'0e'.repeat(32)}`;

/** A model of another dataset, which began with the story's weights or with some of its own. */
async function otherModel(weights: string, initialWeightsSha256: string): Promise<Uint8Array> {
  const record = trainingCompletedRecord(market, {
    order: { ...story.order, keyId: otherKey },
    worker: parties.worker.address,
    weightsSha256: weights,
    ciphertextSha256: '44'.repeat(32),
    manifestDigest: story.offer.manifestDigest,
    initialWeightsSha256,
    accessEntry: granted,
    epochs: 1,
    privacy: 'none',
    attested: false,
    trainer,
    position: FIRST_POSITION,
    startedAt: new Date(0),
    finishedAt: new Date(0),
  });
  return sealRecord({ ...record, signer: parties.worker });
}
const tuned = await otherModel('55'.repeat(32), '33'.repeat(32));
const twiceTuned = await otherModel('66'.repeat(32), '55'.repeat(32));
const stranger = await otherModel('77'.repeat(32), '78'.repeat(32));
const whole = [listed, licensed, granted, completed, stranger, tuned, settled, twiceTuned, story.later.revoked];

function logOf(entries: readonly Uint8Array[]) {
  const { head, tile } = memoryLog(entries);
  return { head, tile, checkpoint: async () => signNote(formatCheckpoint({ origin: ORIGIN, ...head })) };
}
const report = async (entries: readonly Uint8Array[] = whole) =>
  blastRadiusReport(logOf(entries), trust, story.keyId.slice(0, 12));
type Report = {
  records: { entry: string; proof: string }[];
  touched: Record<string, unknown[]>;
  limits: string;
  logSize: number;
};
const changed = async (change: (report: Report) => void): Promise<Uint8Array> => {
  const json = JSON.parse(new TextDecoder().decode(await report())) as Report;
  change(json);
  return utf8(`${canonicalJson(json)}\n`);
};

describe('blast-radius', () => {
  it('lists what a dataset touched, models of other datasets that came of it included, and verifies offline', async () => {
    const touched = await verifyBlastRadius(await report(), trust);
    expect(touched.models.map(({ weights, keyId, from }) => [weights, keyId, from])).toEqual([
      ['33'.repeat(32), story.keyId, 'dataset'],
      ['55'.repeat(32), otherKey, 'model'],
      ['66'.repeat(32), otherKey, 'model'],
    ]);
    expect(touched.revocations).toMatchObject([{ licence: null, index: 8 }]);
    expect(touched.licences).toMatchObject([
      { licence: story.order.licence, buyer: parties.pseudonym.address, index: 1 },
    ]);
    expect(touched.accesses).toMatchObject([{ job: story.orderId, index: 2 }]);
    expect(touched.payouts.map(({ to }) => to)).toEqual([
      parties.seller.address,
      parties.operator.address,
      parties.treasury.address,
    ]);
    expect(new TextDecoder().decode(await report())).toContain(NOT_UNLEARNED);
  });

  it.each<[string, (report: Report) => void]>([
    ['leaves out a record of the dataset', ({ records }) => void records.splice(2, 1)],
    ['leaves out a model in its list', ({ touched }) => void touched['models']?.pop()],
    ['lists a payout that no record has', ({ touched }) => void touched['payouts']?.push(touched['payouts'][0])],
    ['says the same record twice', ({ records }) => void records.splice(1, 0, ...records.slice(0, 1))],
    ['changes the order', ({ records }) => void records.reverse()],
    ['says something kinder', (json) => void (json.limits = 'Models were unlearned.')],
    ['says that more of the log was read', (json) => void (json.logSize += 1)],
    ['swaps a proof', ({ records }) => void (records[0] && (records[0].proof = records[1]?.proof ?? ''))],
  ])('does not hold when it %s', async (_name, change) => {
    await expect(changed(change).then(async (bytes) => verifyBlastRadius(bytes, trust))).rejects.toMatchObject({
      code: expect.stringMatching(/PROOF_INVALID|BAD_INPUT/),
    });
  });

  it('does not hold of a log with a gap, nor with a byte more', async () => {
    const gap = report([listed, licensed, completed]);
    await expect(gap.then(async (bytes) => verifyBlastRadius(bytes, trust))).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    });
    const longer = utf8(`${new TextDecoder().decode(await report())} `);
    await expect(verifyBlastRadius(longer, trust)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});

describe('lineage', () => {
  const log = logOf(whole);
  const proven = async (entry: Uint8Array) => {
    const index = whole.indexOf(entry);
    const tree = await VerifiedTree.open(log.tile, log.head);
    const hashes = await inclusionProof(tree, index);
    return { entry: toBase64(entry), proof: formatTlogProof({ index, hashes, checkpoint: await log.checkpoint() }) };
  };
  const own = [listed, licensed, granted, completed, settled];
  /** A marketplace that answers with these runs, one a page: behind the weights, of them, or of the dataset. */
  const apiOf = (back: Uint8Array[][], forward: Record<string, Uint8Array[][]> = {}): Api => ({
    dataset: async () => ({ id: story.keyId }) as Dataset,
    lineage: async (of, after) => {
      const at = Number(after ?? 0);
      const models = 'weights' in of && of.forward === true ? (forward[of.weights] ?? []) : back;
      const records = await Promise.all((models[at] ?? []).map(proven));
      const pageInfo = { hasNextPage: at + 1 < models.length, endCursor: String(at + 1) };
      return { nodes: models[at] === undefined ? [] : [{ records }], pageInfo };
    },
  });
  type Api = Pick<MarketApi, 'dataset' | 'lineage'>;
  const read = async (api: Api, subject: string) => readLineage(api, subject, trust);

  it('follows a model back through every page, and reads the edges from verified records', async () => {
    const { models, descendants } = await read(apiOf([[twiceTuned], [tuned], own]), '66'.repeat(32));
    expect(models.map(({ weights, initialWeights }) => [weights, initialWeights])).toEqual([
      ['33'.repeat(32), declaration.weights],
      ['55'.repeat(32), '33'.repeat(32)],
      ['66'.repeat(32), '55'.repeat(32)],
    ]);
    expect(models[0]?.records.map(({ index }) => index)).toEqual([0, 1, 2, 3, 6]);
    expect(descendants).toEqual([]);
  });

  it('follows a model and a dataset forward to every model, across datasets and however deep', async () => {
    const forward = { ['33'.repeat(32)]: [[tuned], [twiceTuned]] };
    for (const subject of ['33'.repeat(32), story.keyId]) {
      const { models, descendants } = await read(apiOf([own], forward), subject);
      expect(models.map(({ weights }) => weights)).toEqual(['33'.repeat(32)]);
      expect(descendants.map(({ weights, keyId }) => [weights, keyId])).toEqual([
        ['55'.repeat(32), otherKey],
        ['66'.repeat(32), otherKey],
      ]);
    }
    // Weights that no run made may still have been begun with.
    const { models, descendants } = await read(apiOf([], { ['78'.repeat(32)]: [[stranger]] }), '78'.repeat(32));
    expect([models.length, descendants.length]).toEqual([0, 1]);
  });

  it('does not believe an answer with a foreign model, a foreign record, or no completion', async () => {
    for (const answer of [[[twiceTuned], [stranger]], [[twiceTuned, granted]], [[listed]]]) {
      await expect(read(apiOf(answer), '66'.repeat(32))).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    }
    for (const forward of [[[stranger]], [[twiceTuned]], [[twiceTuned], [tuned]]]) {
      const api = apiOf([own], { ['33'.repeat(32)]: forward });
      await expect(read(api, '33'.repeat(32))).rejects.toMatchObject({ code: 'PROOF_INVALID' });
      await expect(read(api, story.keyId)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
    }
    await expect(read(apiOf([[tuned]]), story.keyId)).rejects.toMatchObject({ code: 'PROOF_INVALID' });
  });

  it('does not believe a record whose proof is of another', async () => {
    const api = apiOf([own]);
    const lying = {
      ...api,
      lineage: async () => {
        const page = await api.lineage({ weights: '' });
        const [first, second] = page.nodes[0]?.records ?? [];
        if (first && second) [first.proof, second.proof] = [second.proof, first.proof];
        return page;
      },
    };
    await expect(read(lying, '33'.repeat(32))).rejects.toMatchObject({ code: 'PROOF_INVALID' });
  });
});
