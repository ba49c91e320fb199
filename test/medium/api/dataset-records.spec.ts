// Real: API, PostgreSQL, record sealing. Faked: the chain and the log process, at the edge of the API.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sameBytes, type Bytes32 } from '../../../src/kernel/index.js';
import { marketOf } from '../../../src/platform/index.js';
import {
  consentRevokedRecord,
  DatasetLog,
  fixRecord,
  keyIdOfRecord,
  nextPosition,
  parseEntry,
  positionAfter,
  positionOfRecord,
  sealRecord,
  trainingRefusedRecord,
  type Position,
} from '../../../src/provenance/index.js';
import { ask, codeOf, get } from '../../support/api/client.js';
import { ISSUE, LIST, licensed, listed, readyToSubmit, signedIn, submit, type Party } from '../../support/api/steps.js';
import { makeLicence, makeListing, makeOrder, type MadeListing } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
import { randomWord } from '../../support/ceramic-batches.js';
import { market, parties } from '../../support/provenance-story.js';

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
      const { nodes } = await get<{ nodes: { id: string; purpose: string }[] }>(
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
