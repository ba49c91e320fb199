// Real: API, PostgreSQL, record sealing, tiles and proofs. Faked: the chain and the log process, at the edge of the API.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LineageRepository } from '../../../src/audit/lineage.repository.js';
import { sameBytes, toHex, type Bytes32 } from '../../../src/kernel/index.js';
import { DatabasePool, marketOf } from '../../../src/platform/index.js';
import {
  consentRevokedRecord,
  DatasetLog,
  fixRecord,
  keyIdOfRecord,
  nextPosition,
  parseEntry,
  parseTlogProof,
  positionAfter,
  positionOfRecord,
  pureHasher,
  sealRecord,
  trainingRefusedRecord,
  verifyInclusion,
  type Position,
} from '../../../src/provenance/index.js';
import { market, parties } from '../../support/provenance-story.js';
import { ask, codeOf, get, webSocketClient } from '../../support/api/client.js';
import { ISSUE, LIST, licensed, listed, readyToSubmit, signedIn, submit, type Party } from '../../support/api/steps.js';
import { makeLicence, makeListing, makeOrder, type MadeListing } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
import { logRun } from '../../support/api/log-story.js';
import { memoryLog } from '../../support/memory-log.js';
import { randomWord } from '../../support/ceramic-batches.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
}, 120_000);
afterAll(async () => api.stop());

const order = (keyId: Bytes32) => ({
  keyId,
  offer: randomWord(),
  buyer: parties.buyer.address,
  operator: parties.operator.address,
  licence: randomWord(),
  jobDigest: randomWord(),
  epsilonMicros: 0n,
  deadline: 1_900_000_000n,
  salt: randomWord(),
});

/** Some record of the dataset, in the place that it is given. */
async function refusal(keyId: Bytes32, position: Position): Promise<Uint8Array> {
  const facts = { order: order(keyId), reason: 'key-denied', position, refusedAt: new Date(0) } as const;
  return sealRecord({ ...trainingRefusedRecord(market, facts), signer: parties.operator });
}
const fix = async (keyId: Bytes32) =>
  api.prisma.$transaction(async (tx) => fixRecord(tx, keyId, async (position) => refusal(keyId, position)));
const loggedOf = (keyId: Bytes32) => api.log.entries.filter((entry) => keyIdOfRecord(parseEntry(entry)) === keyId);

function expectUnbroken(entries: Uint8Array[]): void {
  entries.forEach((entry, i) => {
    const before = entries[i - 1];
    const expected = before === undefined ? { sequence: 1, previous: null } : positionAfter(before);
    expect(positionOfRecord(parseEntry(entry))).toEqual(expected);
  });
}

const REVOKE =
  'mutation ($input: RevokeConsentInput!) { revokeConsent(input: $input) { keyId licence logIndex revokedAt } }';

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
    const [ofFirst, ofAll] = [follow(first.keyId), follow(null)];
    await sleep(1_500);
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

describe('revokeConsent', () => {
  const envelopeOf = async (party: Party, listing: MadeListing, licence: Bytes32 | null, revokedAt = new Date()) => {
    const position = await nextPosition(api.prisma, listing.keyId);
    const { datasetId, version } = listing.offer;
    const offer = { seller: party.account.address, datasetId, version };
    const record = consentRevokedRecord(marketOf(api.network), { offer, licence, position, revokedAt });
    return parseEntry(await sealRecord({ ...record, signer: party.account })).envelope;
  };
  const revoke = async (party: Party, listing: MadeListing, licence: Bytes32 | null, signer = party) => {
    const envelope = await envelopeOf(signer, listing, licence);
    return ask(api, REVOKE, { input: { dataset: listing.keyId, licence, envelope } }, party.token);
  };
  const code = async (answer: ReturnType<typeof ask>) => codeOf(answer);

  it("logs the seller's record once, whatever is repeated, raced or lost on the way", async () => {
    const ready = await readyToSubmit(api);
    const { seller, buyer, listing } = ready;
    expect(await code(revoke(seller, listing, null))).toBe('BAD_INPUT'); // the contract was not told
    api.chain.revoked.add(listing.keyId);
    expect(await code(revoke(buyer, listing, null, seller))).toBe('FORBIDDEN');
    expect(await code(revoke(seller, listing, null, buyer))).toBe('PROOF_INVALID');
    api.log.failNext = 'errored';
    expect(await code(revoke(seller, listing, null))).toBe('LOG_UNAVAILABLE');
    const again = await Promise.all([revoke(seller, listing, null), revoke(seller, listing, null)]);
    const records = loggedOf(listing.keyId).filter((entry) => parseEntry(entry).type === 'consent-revoked');
    expect(records).toHaveLength(1);
    expectUnbroken(loggedOf(listing.keyId));
    const logIndex = api.log.entries.findIndex((entry) => sameBytes(entry, records[0] ?? entry));
    for (const { data } of again) expect(data?.['revokeConsent']).toMatchObject({ logIndex, licence: null });

    const late = await makeLicence(api.network, buyer.account, listing);
    expect(await code(ask(api, ISSUE, { input: late.input }, buyer.token))).toBe('DATASET_REVOKED');
    expect(await code(submit(api, ready.input, buyer.token))).toBe('DATASET_REVOKED');
  });

  it('of one licence leaves the others', async () => {
    const ready = await readyToSubmit(api);
    const { seller, buyer, listing, licence } = ready;
    const other = await licensed(api, buyer, listing);
    api.chain.revokedLicences.add(licence.id);
    expect(await code(revoke(seller, listing, randomWord()))).toBe('LICENCE_NOT_FOUND');
    const { data } = await revoke(seller, listing, licence.id);
    expect(data?.['revokeConsent']).toMatchObject({ keyId: listing.keyId, licence: licence.id });
    expect(await code(submit(api, ready.input, buyer.token))).toBe('LICENCE_EXPIRED');
    const made = await makeOrder(api.network, buyer.account, listing, other, {}, ready.model);
    api.chain.open(made.order, listing.offer);
    expect((await submit(api, made.input, buyer.token)).errors).toEqual([]);
  });

  it('shows a licence to its buyer and to the seller, and to nobody else', async () => {
    const { seller, buyer, licence, listing } = await readyToSubmit(api);
    const LICENCE = 'query ($id: Bytes32!) { licence(id: $id) { id dataset { id } } }';
    const seen = async ({ token }: Party) => get(api, 'licence', LICENCE, { id: licence.id }, token);
    const whole = { id: licence.id, dataset: { id: listing.keyId } };
    expect([await seen(seller), await seen(buyer), await seen(await signedIn(api))]).toEqual([whole, whole, null]);
  });
});

describe('erase', () => {
  const ERASE = 'mutation ($licence: Bytes32!) { erase(licence: $licence) { id purpose logIndex } }';
  const LICENCES = 'query { licences { nodes { id purpose } } }';

  it('takes out purpose and salt for their buyer alone; the log and what was committed stay as they are', async () => {
    const [seller, buyer] = [await signedIn(api), await signedIn(api)];
    const listing = await listed(api, seller);
    const [one, other] = [await licensed(api, buyer, listing), await licensed(api, buyer, listing)];
    const before = api.log.entries.map((entry) => entry.slice());
    const purposes = async () => {
      const { nodes } = await get<NodePage<{ id: string; purpose: string }>>(
        api,
        'licences',
        LICENCES,
        {},
        buyer.token,
      );
      return new Map(nodes.map(({ id, purpose }) => [id, purpose]));
    };
    expect((await purposes()).get(one.id)).toBe('research');
    for (const party of [seller, await signedIn(api)]) {
      expect(await codeOf(ask(api, ERASE, { licence: one.id }, party.token))).toBe('LICENCE_NOT_FOUND');
    }
    expect(await codeOf(ask(api, ERASE, { licence: one.id }))).toBe('UNAUTHENTICATED');
    for (let i = 0; i < 2; i++) {
      expect(await get(api, 'erase', ERASE, { licence: one.id }, buyer.token)).toMatchObject({ purpose: 'erased' });
    }
    // Asking for the licence again does not bring it back.
    await get(api, 'issueLicence', ISSUE, { input: one.input }, buyer.token);
    const after = await purposes();
    expect([after.get(one.id), after.get(other.id)]).toEqual(['erased', 'research']);
    expect(api.log.entries).toEqual(before);
    const entry = api.log.ofType('licence-issued').find(({ predicate }) => predicate.licenceId === one.id);
    expect(entry?.predicate.licence.purposeCommitment).toBe(one.licence.purposeCommitment);
    // No table holds the salt any more, so nobody can show that the commitment was of this purpose.
    const tables = await api.prisma.$queryRaw<{ name: string }[]>`
      SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`;
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables) {
      const sql = `SELECT 1 FROM "${name}" t WHERE t::text LIKE '%' || $1 || '%'`;
      const found = await api.prisma.$queryRawUnsafe<object[]>(sql, one.input.purposeSalt.slice(2));
      expect([name, found]).toEqual([name, []]);
    }
  });
});

describe("a dataset's records", () => {
  it('are numbered without a gap by writers that race, and logged in that order', async () => {
    const keyId = randomWord();
    const log = new DatasetLog(api.log, api.prisma);
    await Promise.all(Array.from({ length: 12 }, async () => log.append(await fix(keyId))));
    const entries = loggedOf(keyId);
    expect(entries).toHaveLength(12);
    expectUnbroken(entries);
  });

  it('are made up for by the next writer when one died before it appended', async () => {
    const keyId = randomWord();
    const log = new DatasetLog(api.log, api.prisma);
    const [first, lost, alsoLost] = [await fix(keyId), await fix(keyId), await fix(keyId)];
    await log.append(first);
    const last = await fix(keyId);
    expect(loggedOf(keyId)).toEqual([first]);
    await log.append(last);
    expect(loggedOf(keyId)).toEqual([first, lost, alsoLost, last]);
    // The writer that was thought dead repeats, and hears of the index that its record has.
    expect((await log.append(lost)).index).toBe(api.log.entries.findIndex((entry) => sameBytes(entry, lost)));
    expect(loggedOf(keyId)).toHaveLength(4);
  });

  it('leave no number behind when the transaction that fixed one fails, or the append is lost or errored', async () => {
    const keyId = randomWord();
    const log = new DatasetLog(api.log, api.prisma);
    const failing = api.prisma.$transaction(async (tx) => {
      await fixRecord(tx, keyId, async (position) => refusal(keyId, position));
      throw new Error('the row was in another state');
    });
    await expect(failing).rejects.toThrow('another state');
    for (const fault of ['lost', 'errored'] as const) {
      const entry = await fix(keyId);
      api.log.failNext = fault;
      await expect(log.append(entry)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    }
    await log.append(await fix(keyId));
    expect(loggedOf(keyId)).toHaveLength(3);
    expectUnbroken(loggedOf(keyId));
  });

  it('that a seller numbers itself are taken in their place only, and the free one is told', async () => {
    const [seller, buyer] = [await signedIn(api), await signedIn(api)];
    const listing = await listed(api, seller);
    await licensed(api, buyer, listing);
    const entries = loggedOf(listing.keyId);
    expect(entries.map((entry) => parseEntry(entry).type)).toEqual(['dataset-listed', 'licence-issued']);
    expectUnbroken(entries);

    const cheaper = async (position: Position) => {
      const { datasetId } = listing.offer;
      const { pieceCid, sizeBytes } = listing.manifest.pieces[0] ?? { pieceCid: '', sizeBytes: 0 };
      const offer = { ...listing.offer, validUntil: listing.offer.validUntil + 1n };
      const record = { position, pieces: [{ pieceCid, sizeBytes }] };
      return makeListing(api.network, seller.account, { datasetId, offer, manifest: listing.manifest, record });
    };
    const stale = await cheaper(positionAfter(entries[0] ?? new Uint8Array()));
    api.chain.register(stale.keyId, stale.offer);
    const refused = await ask(api, LIST, { input: stale.input }, seller.token);
    const free = positionAfter(entries[1] ?? new Uint8Array());
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'RECORD_OUT_OF_ORDER', details: { position: free } });
    expect(loggedOf(listing.keyId)).toHaveLength(2);

    const placed = await cheaper(free);
    // A listing that crashed between the log and its row is finished by the same call.
    api.log.failNext = 'errored';
    expect((await ask(api, LIST, { input: placed.input }, seller.token)).errors).toHaveLength(1);
    expect((await ask(api, LIST, { input: placed.input }, seller.token)).errors).toEqual([]);
    expect(loggedOf(listing.keyId)).toHaveLength(3);
    expectUnbroken(loggedOf(listing.keyId));
  });
});
