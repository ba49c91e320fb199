// Real: API, PostgreSQL, record sealing, tiles and proofs. Faked: the chain and the log process, at the edge of the API.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sameBytes, type Bytes32 } from '../../../src/kernel/index.js';
import {
  DatasetLog,
  fixRecord,
  keyIdOfRecord,
  parseEntry,
  positionAfter,
  positionOfRecord,
  sealRecord,
  trainingRefusedRecord,
  type Position,
} from '../../../src/provenance/index.js';
import { market, parties } from '../../support/provenance-story.js';
import { ask } from '../../support/api/client.js';
import { LIST, licensed, listed, signedIn } from '../../support/api/steps.js';
import { makeListing } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';
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
