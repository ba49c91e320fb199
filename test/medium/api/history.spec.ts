// Real: API, PostgreSQL, record sealing, tiles and proofs. Faked: the chain and the log process, at the edge of the API.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FindRecords } from '../../../src/audit/find-records.js';
import { LineageRepository } from '../../../src/audit/lineage.repository.js';
import { sameBytes, toHex, type Bytes32 } from '../../../src/kernel/index.js';
import { DatabasePool } from '../../../src/platform/index.js';
import { parseEntry, parseTlogProof, pureHasher, verifyInclusion } from '../../../src/provenance/index.js';
import { get, webSocketClient } from '../../support/api/client.js';
import { logRun } from '../../support/api/log-story.js';
import { licensed, listed, signedIn } from '../../support/api/steps.js';
import type { MadeListing } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
import { randomWord } from '../../support/ceramic-batches.js';
import { memoryLog } from '../../support/memory-log.js';
import { parties } from '../../support/provenance-story.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
}, 120_000);
afterAll(async () => api.stop());

const NODE = 'index type sequence licence orderId';
const MODEL = 'weights initialWeights keyId job completion { index type }';
interface Node {
  index: number;
  type: string;
  sequence: number;
  licence: string | null;
  orderId: string | null;
}
interface ModelNode {
  weights: string;
  keyId: string;
  job: string;
  records: Node[];
  descendants: { nodes: ModelNode[] };
}
interface NodePage<T> {
  nodes: T[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

describe('history', () => {
  const digest = (n: number): string => n.toString(16).padStart(64, '0');
  let first: MadeListing;
  let second: MadeListing;
  let licence: Bytes32;
  let jobs: Bytes32[];

  /** m1 on the first dataset; m2 of m1 on the second; m3 of m2 and m4 of m1 on the first; and one that came of none. */
  beforeAll(async () => {
    const [seller, buyer] = [await signedIn(api), await signedIn(api)];
    [first, second] = [await listed(api, seller), await listed(api, seller)];
    licence = (await licensed(api, buyer, first)).id;
    const other = (await licensed(api, buyer, second)).id;
    const run = async (on: MadeListing, under: Bytes32, weights: number, initial: number) =>
      logRun(api, {
        keyId: on.keyId,
        licence: under,
        offer: on.offer,
        weights: digest(weights),
        initialWeights: digest(initial),
      });
    jobs = [
      await run(first, licence, 1, 100),
      await run(second, other, 2, 1),
      await run(first, licence, 3, 2),
      await run(first, licence, 4, 1),
      await run(second, other, 5, 200),
    ];
  });

  it('pages through the records of a dataset: its accesses, one type, one job, one licence, or all', async () => {
    const ACCESSES = `query ($dataset: Bytes32!, $filter: RecordFilter, $first: Int!, $after: String) {
      accessRecords(dataset: $dataset, filter: $filter, first: $first, after: $after) {
        nodes { ${NODE} } pageInfo { hasNextPage endCursor } } }`;
    const page = async (filter: object | null, count = 50, after: string | null = null) =>
      get<NodePage<Node>>(api, 'accessRecords', ACCESSES, { dataset: first.keyId, filter, first: count, after });
    const accesses = await page(null);
    expect(accesses.nodes.map((node) => [node.type, node.orderId, node.licence])).toEqual(
      [jobs[0], jobs[2], jobs[3]].map((job) => ['access-granted', job, licence]),
    );
    const all = await page({ type: 'any' });
    expect(all.nodes.map((node) => node.sequence)).toEqual(all.nodes.map((_, i) => i + 1));
    expect((await page({ type: 'any', licence })).nodes.map((node) => node.type)).toEqual([
      'licence-issued',
      ...Array<string>(3).fill('access-granted'),
    ]);
    expect((await page({ type: 'any', job: jobs[2] })).nodes.map((node) => node.type)).toEqual([
      'access-granted',
      'training-completed',
      'job-settled',
    ]);
    expect((await page({ actor: parties.pseudonym.address })).nodes).toHaveLength(3);
    expect((await page({ actor: parties.seller.address })).nodes).toEqual([]);
    const begin = await page({ type: 'any' }, 4);
    const rest = await page({ type: 'any' }, 50, begin.pageInfo.endCursor);
    expect([...begin.nodes, ...rest.nodes]).toEqual(all.nodes);
    expect([begin.pageInfo.hasNextPage, rest.pageInfo.hasNextPage]).toEqual([true, false]);
    await expect(page({ type: 'gossip' })).rejects.toThrow('BAD_INPUT');
  });

  it('gives a record with its entry and a proof under the checkpoint, and what its statement says', async () => {
    const RECORD = 'query ($index: Int!) { record(index: $index) { index type leafHash entry proof statement } }';
    const index = api.log.entries.length - 1;
    const record = await get<Record<string, string>>(api, 'record', RECORD, { index });
    const entry = Buffer.from(record['entry'] ?? '', 'base64');
    expect(sameBytes(entry, api.log.entries[index] ?? entry.subarray(1))).toBe(true);
    expect(record['statement']).toEqual(parseEntry(entry).statement);
    const proof = parseTlogProof(record['proof'] ?? '');
    const { head } = memoryLog(api.log.entries);
    expect(verifyInclusion(pureHasher.leaf(entry), index, head, proof.hashes)).toBe(true);
    expect(await get(api, 'record', RECORD, { index: index + 1 })).toBeNull();
    const CHECKPOINT = 'query { checkpoint { size root note } }';
    expect(await get(api, 'checkpoint', CHECKPOINT)).toMatchObject({ size: index + 1, root: toHex(head.root) });
  });

  it('leads from weights back to every record behind them, across datasets', async () => {
    const LINEAGE = `query ($weights: String, $dataset: Bytes32, $forward: Boolean! = false, $first: Int!, $after: String) {
      lineage(weights: $weights, dataset: $dataset, forward: $forward, first: $first, after: $after) {
        nodes { ${MODEL} records { ${NODE} } } pageInfo { hasNextPage endCursor } } }`;
    const lineage = async (variables: object) =>
      get<NodePage<ModelNode>>(api, 'lineage', LINEAGE, { first: 20, ...variables });
    const back = await lineage({ weights: digest(3) });
    expect(back.nodes.map(({ weights, keyId, job }) => [weights, keyId, job])).toEqual([
      [digest(3), first.keyId, jobs[2]],
      [digest(2), second.keyId, jobs[1]],
      [digest(1), first.keyId, jobs[0]],
    ]);
    for (const { records } of back.nodes) {
      expect(records.map(({ type }) => type)).toEqual([
        'dataset-listed',
        'licence-issued',
        'access-granted',
        'training-completed',
        'job-settled',
      ]);
    }
    const begin = await lineage({ weights: digest(3), first: 2 });
    const rest = await lineage({ weights: digest(3), after: begin.pageInfo.endCursor });
    expect([...begin.nodes, ...rest.nodes]).toEqual(back.nodes);
    const forward = await lineage({ weights: digest(1), forward: true });
    expect(forward.nodes.map(({ weights }) => weights)).toEqual([digest(2), digest(3), digest(4)]);
    expect((await lineage({ weights: digest(100) })).nodes).toEqual([]);
    for (const bad of [{}, { weights: '0x12' }, { weights: digest(1), dataset: first.keyId }]) {
      await expect(lineage(bad)).rejects.toThrow('BAD_INPUT');
    }
  });

  it('lists what a dataset touched, and says that nothing is unlearned', async () => {
    const BLAST = `query ($dataset: Bytes32!) { blastRadius(dataset: $dataset) { keyId limits
      revocations(first: 5) { nodes { index } } licences(first: 5) { nodes { licence } }
      accesses(first: 5) { nodes { orderId } } payouts(first: 5) { nodes { orderId statement } }
      models(first: 5) { nodes { weights descendants(first: 5) { nodes { weights keyId } } } } } }`;
    interface Blast {
      keyId: string;
      limits: string;
      revocations: NodePage<Node>;
      licences: NodePage<Node>;
      accesses: NodePage<Node>;
      payouts: NodePage<Node & { statement: { predicate: { payouts: object[] } } }>;
      models: NodePage<ModelNode>;
    }
    const blast = await get<Blast>(api, 'blastRadius', BLAST, { dataset: first.keyId });
    expect(blast.limits).toMatch(/does not unlearn/);
    expect(blast.licences.nodes).toEqual([{ licence }]);
    expect(blast.accesses.nodes.map((node) => node.orderId)).toEqual([jobs[0], jobs[2], jobs[3]]);
    expect(blast.payouts.nodes).toHaveLength(3);
    expect(blast.payouts.nodes[0]?.statement.predicate.payouts.length).toBeGreaterThan(1);
    expect(blast.models.nodes.map(({ weights, descendants }) => [weights, descendants.nodes])).toEqual([
      // What was trained on the other dataset from it is touched too.
      [
        digest(1),
        [
          { weights: digest(2), keyId: second.keyId },
          { weights: digest(3), keyId: first.keyId },
          { weights: digest(4), keyId: first.keyId },
        ],
      ],
      [digest(3), []],
      [digest(4), []],
    ]);
  });

  it('goes on through five hundred generations, and round a circle once', async () => {
    const row = (i: number, weights: number, initial: number) => ({
      index: 1_000_000 + i,
      type: 'training-completed',
      leafHash: digest(i),
      keyId: randomWord(),
      sequence: 1,
      orderId: randomWord(),
      weights: digest(weights),
      initialWeights: digest(initial),
      at: new Date(0),
    });
    const line = Array.from({ length: 500 }, (_, i) => row(i, 50_001 + i, 50_000 + i));
    const circle = [row(5_000, 90_001, 90_002), row(5_001, 90_002, 90_001)];
    await api.prisma.logRecord.createMany({ data: [...line, ...circle] });
    const lineage = new LineageRepository(api.app.get(DatabasePool));
    const page = { first: 3_000, after: undefined };
    expect((await lineage.ancestors(digest(50_500), page)).rows).toHaveLength(500);
    expect((await lineage.descendants(digest(50_000), page)).rows).toHaveLength(500);
    expect((await lineage.ancestors(digest(90_001), page)).rows).toHaveLength(2);
    expect((await lineage.descendants(digest(90_001), page)).rows).toHaveLength(2);
    await api.prisma.logRecord.deleteMany({ where: { index: { gte: 1_000_000 } } });
  });

  it('tells subscribers of every record that comes, in order, of one dataset or of all', async () => {
    const client = webSocketClient(api);
    const follow = (dataset: string | null) => {
      const seen: { index: number; type: string }[] = [];
      client.subscribe<{ recordAppended: { index: number; type: string } }>(
        {
          query: 'subscription ($dataset: Bytes32) { recordAppended(dataset: $dataset) { index type } }',
          variables: { dataset },
        },
        {
          next: ({ data }) => void (data && seen.push(data.recordAppended)),
          error: () => undefined,
          complete: () => undefined,
        },
      );
      return seen;
    };
    const newest = vi.spyOn(api.app.get(FindRecords), 'newest');
    const [ofFirst, ofAll] = [follow(first.keyId), follow(null)];
    // Each has found the log's present end: what comes after it is shown.
    const begun = () => newest.mock.settledResults.filter(({ type }) => type === 'fulfilled').length;
    await expect.poll(begun, { timeout: 20_000 }).toBe(2);
    const from = api.log.entries.length;
    const run = { licence, offer: first.offer, weights: digest(7), initialWeights: digest(300) };
    await logRun(api, { ...run, keyId: first.keyId });
    await logRun(api, { ...run, keyId: second.keyId });
    await expect.poll(() => [ofFirst.length, ofAll.length], { timeout: 20_000 }).toEqual([3, 6]);
    expect(ofAll.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5].map((i) => from + i));
    expect(ofFirst).toEqual(ofAll.slice(0, 3));
    await client.dispose();
  });
});
