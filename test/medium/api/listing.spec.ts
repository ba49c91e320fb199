// Real: the API over HTTP, PostgreSQL, BullMQ on it, every digest and signature. Faked: log, chain, the recorder's key file.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonDigest, offerToJson } from '../../../src/kernel/index.js';
import { parseEntry, positionAfter } from '../../../src/provenance/index.js';
import { ask, codeOf, get } from '../../support/api/client.js';
import { LIST, signedIn, type Party } from '../../support/api/steps.js';
import { makeListing, newAccount, TERMS, type ListingChange, type MadeListing } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

let api: TestApi;
let seller: Party;
beforeAll(async () => {
  api = await startTestApi();
  seller = await signedIn(api);
});
afterAll(async () => api?.stop());

const list = async (listing: Pick<MadeListing, 'input'>, token = seller.token) =>
  ask(api, LIST, { input: listing.input }, token);
const isListed = async (keyId: string) =>
  (await get(api, 'dataset', 'query ($id: String!) { dataset(id: $id) { id } }', { id: keyId })) !== null;

/** A listing whose offer is on the chain, with one thing changed. */
async function registered(change: ListingChange = {}): Promise<MadeListing> {
  const listing = await makeListing(api.network, seller.account, change);
  api.chain.register(listing.keyId, listing.offer);
  return listing;
}

/** With a piece of so many rows each that no run trains on. */
function heldOut(rows: number[]): Required<Pick<ListingChange, 'manifest' | 'terms' | 'offer'>> {
  const piece = (rowCount: number, number: number, holdout?: true) => ({
    pieceCid: `bafkzcibexample${number}`,
    sizeBytes: 1000,
    rowCount,
    shardId: `0x${String(number).padStart(64, '0')}` as const,
    wrappedKey: '00'.repeat(40),
    ...(holdout === undefined ? {} : { holdout }),
  });
  const budget = { epsilon: 10, delta: 1e-5, maxEpsilonPerJob: 3, pricePerEpsilon: '0.5' };
  return {
    manifest: { pieces: [piece(1797, 0), ...rows.map((count, i) => piece(count, i + 1, true))] },
    terms: { ...TERMS, privacy: { budget, holdout: 0.1 } },
    offer: { pricePerEpsilon: 5n * 10n ** 17n, maxEpsilonMicros: 3_000_000n },
  };
}

describe('listDataset', () => {
  it('lists rows that are held out of training, beside those that are not', async () => {
    const listing = await registered(heldOut([100, 80]));
    expect((await list(listing)).errors).toEqual([]);
    const query = 'query ($id: String!) { dataset(id: $id) { rowCount manifest terms } }';
    expect(await get(api, 'dataset', query, { id: listing.keyId })).toMatchObject({
      rowCount: 1797,
      manifest: { pieces: [{ rowCount: 1797 }, { rowCount: 100, holdout: true }, { rowCount: 80, holdout: true }] },
      terms: { privacy: { holdout: 0.1 } },
    });
  });

  it("lists what is in order, logs the seller's own record, and shows every field", async () => {
    const listing = await registered();
    const before = api.log.entries.length;
    expect((await list(listing)).errors).toEqual([]);
    expect(api.log.entries.length).toBe(before + 1);
    expect(api.log.entries.at(-1)).toEqual(listing.entry);
    expect(parseEntry(listing.entry).signer).toBe(seller.account.address);
    const fields = `id datasetId version title description tags seller priceWei price rowCount label columns manifest
      manifestDigest terms termsDigest offer offerDigest offerSignature operators revoked logIndex listedAt accessCount`;
    const query = `query ($id: String!) { dataset(id: $id) { ${fields} } }`;
    const dataset = await get<Record<string, unknown>>(api, 'dataset', query, { id: listing.keyId });
    expect(dataset).toMatchObject({
      id: listing.keyId,
      title: 'Handwritten digits',
      seller: seller.account.address,
      priceWei: '5000000000000000000',
      price: '5',
      rowCount: 1797,
      label: 'digit',
      manifest: listing.manifest,
      terms: listing.terms,
      offer: offerToJson(listing.offer),
      offerDigest: listing.offerDigest,
      revoked: false,
      logIndex: before,
      accessCount: 0,
    });
    const [manifest, terms] = await Promise.all([
      fetch(`${api.url}/manifests/${jsonDigest(listing.manifest)}`),
      fetch(`${api.url}/terms/${jsonDigest(listing.terms)}`),
    ]);
    expect(manifest.headers.get('cache-control')).toContain('immutable');
    expect(jsonDigest(await manifest.json())).toBe(listing.offer.manifestDigest.slice(2));
    expect(jsonDigest(await terms.json())).toBe(listing.offer.termsDigest.slice(2));
  });

  it('lists once, however often and however concurrently it is asked', async () => {
    const listing = await registered();
    const before = api.log.entries.length;
    const answers = await Promise.all([1, 2, 3, 4, 5].map(async () => list(listing)));
    expect(answers.flatMap((answer) => answer.errors)).toEqual([]);
    expect(api.log.entries.length).toBe(before + 1);
    expect(await api.prisma.dataset.count({ where: { keyId: listing.keyId } })).toBe(1);
  });

  it('lists nothing when the log is away, and finishes on the next try', async () => {
    const listing = await registered();
    api.log.failNext = 'lost';
    expect(await codeOf(list(listing))).toBe('LOG_UNAVAILABLE');
    expect(await isListed(listing.keyId)).toBe(false);
    expect((await list(listing)).errors).toEqual([]);
    expect(await isListed(listing.keyId)).toBe(true);
  });

  it('heals a listing that was logged but whose answer was lost: one record, one row', async () => {
    const listing = await registered();
    const before = api.log.entries.length;
    api.log.failNext = 'errored';
    expect(await codeOf(list(listing))).toBe('LOG_UNAVAILABLE');
    expect(api.log.entries.length).toBe(before + 1);
    expect(await isListed(listing.keyId)).toBe(false);
    expect((await list(listing)).errors).toEqual([]);
    expect(api.log.entries.length).toBe(before + 1);
    expect(await isListed(listing.keyId)).toBe(true);
  });

  it('takes a new offer for the same data, and keeps the old terms readable', async () => {
    const first = await registered();
    await list(first);
    const datasetId = first.manifest.datasetId;
    const terms = { ...TERMS, title: 'New terms' };
    const second = await registered({
      datasetId,
      terms,
      offer: { price: 7n * 10n ** 18n },
      record: { position: positionAfter(first.entry) },
    });
    expect((await list(second)).data).toMatchObject({ listDataset: { priceWei: '7000000000000000000' } });
    expect(await api.prisma.datasetOffer.count({ where: { keyId: first.keyId } })).toBe(2);
    const old = await fetch(`${api.url}/terms/${jsonDigest(first.terms)}`);
    expect(await old.json()).toMatchObject({ title: TERMS.title });
    const otherData = await registered({ datasetId, manifest: { title: 'Others' } });
    expect(await codeOf(list(otherData))).toBe('OFFER_MISMATCH');
  });

  const bad: [string, string, () => Promise<{ listing: MadeListing; token?: string }>][] = [
    [
      'an offer that is not on chain',
      'OFFER_MISMATCH',
      async () => ({ listing: await makeListing(api.network, seller.account) }),
    ],
    [
      'a dataset revoked on chain',
      'DATASET_REVOKED',
      async () => {
        const listing = await registered();
        api.chain.revoked.add(listing.keyId);
        return { listing };
      },
    ],
    [
      "somebody else's dataset",
      'FORBIDDEN',
      async () => ({ listing: await registered(), token: (await signedIn(api)).token }),
    ],
    [
      'an offer and record that another signed',
      'BAD_SIGNATURE',
      async () => ({ listing: await registered({ signer: newAccount() }) }),
    ],
    [
      'shares that do not add up',
      'BAD_PRICE',
      async () => ({ listing: await registered({ offer: { nodeFee: 2n * 10n ** 18n } }) }),
    ],
    ['an expired offer', 'OFFER_MISMATCH', async () => ({ listing: await registered({ offer: { validUntil: 1n } }) })],
    [
      'no operator of this deployment',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ offer: { operators: [newAccount().address] } }) }),
    ],
    [
      "another manifest than the offer's",
      'OFFER_MISMATCH',
      async () =>
        changed(await registered(), (input) => ({ ...input, manifest: { ...input.manifest, title: 'Other' } })),
    ],
    [
      "other terms than the offer's",
      'OFFER_MISMATCH',
      async () => changed(await registered(), (input) => ({ ...input, terms: { ...input.terms, licenceDays: 3650 } })),
    ],
    [
      'a manifest about another dataset',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ manifest: { keyId: `0x${'1'.repeat(64)}` } }) }),
    ],
    [
      'a data key wrapped for another contract',
      'OFFER_MISMATCH',
      async () => {
        const { manifest } = await makeListing(api.network, seller.account);
        const condition = { ...manifest.wrappedKey.condition, marketplace: newAccount().address };
        const { datasetId } = manifest;
        const wrappedKey = { ...manifest.wrappedKey, condition };
        return { listing: await registered({ datasetId, manifest: { wrappedKey } }) };
      },
    ],
    [
      'pieces that do not hold the rows of the manifest',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ manifest: { rowCount: 3 } }) }),
    ],
    [
      'terms that hold rows out of a manifest that does not',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered(heldOut([])) }),
    ],
    [
      'a manifest that holds rows out, under terms that do not',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ ...heldOut([10]), terms: TERMS }) }),
    ],
    [
      'rows held out before those that train',
      'OFFER_MISMATCH',
      async () => {
        const { manifest, ...rest } = heldOut([10]);
        const pieces = manifest.pieces?.toReversed() ?? [];
        return { listing: await registered({ ...rest, manifest: { pieces } }) };
      },
    ],
    [
      'a column twice',
      'BAD_INPUT',
      async () => ({
        listing: await registered({
          manifest: {
            columns: [
              { name: 'digit', type: 'integer' },
              { name: 'digit', type: 'string' },
            ],
          },
        }),
      }),
    ],
    [
      'a label that is no column',
      'BAD_INPUT',
      async () => ({ listing: await registered({ manifest: { label: 'nothing' } }) }),
    ],
    [
      'a record of other pieces',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ record: { pieces: [{ pieceCid: 'bafkother', sizeBytes: 1 }] } }) }),
    ],
    [
      'a record with another signature of the offer',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ record: { offerSignature: `0x${'12'.repeat(65)}` } }) }),
    ],
    [
      'a record from the future',
      'OFFER_MISMATCH',
      async () => ({ listing: await registered({ record: { listedAt: new Date(Date.now() + 3_600_000) } }) }),
    ],
    [
      'the record of another listing',
      'PROOF_INVALID',
      async () => {
        const [one, other] = [await registered(), await registered()];
        return changed(one, (input) => ({ ...input, envelope: other.input.envelope }));
      },
    ],
    [
      'a record with one byte changed',
      'BAD_SIGNATURE',
      async () =>
        changed(await registered(), (input) => {
          const envelope = input.envelope as { payload: string };
          const statement = JSON.parse(atob(envelope.payload)) as { predicate: { listedAt: string } };
          statement.predicate.listedAt = '2020-01-01T00:00:00.000Z';
          const payload = btoa(JSON.stringify(statement));
          return { ...input, envelope: { ...envelope, payload } };
        }),
    ],
    [
      'an envelope that is none',
      'BAD_INPUT',
      async () => changed(await registered(), (input) => ({ ...input, envelope: { a: 1 } })),
    ],
    [
      'an unknown field',
      'BAD_INPUT',
      async () =>
        changed(await registered(), (input) => ({ ...input, manifest: { ...input.manifest, rows: [[1, 2]] } })),
    ],
    [
      'a negative price',
      'BAD_INPUT',
      async () => changed(await registered(), (input) => ({ ...input, offer: { ...input.offer, price: '-5' } })),
    ],
  ];
  it.each(bad)('refuses %s with %s, and lists nothing', async (_what, code, make) => {
    const { listing, token } = await make();
    const before = api.log.entries.length;
    const { errors } = await list(listing, token);
    expect(errors[0]?.extensions).toMatchObject({ code, next: expect.stringMatching(/\w+/) as string });
    expect(api.log.entries.length).toBe(before);
    expect(await isListed(listing.keyId)).toBe(false);
  });

  it('shows nothing of a broken part but an id', async () => {
    const listing = await registered();
    api.chain.down = true;
    const { errors } = await list(listing);
    api.chain.down = false;
    expect(errors[0]).toMatchObject({ message: 'something went wrong on our side', extensions: { code: 'INTERNAL' } });
    expect(JSON.stringify(errors)).not.toContain('secret');
    expect(errors[0]?.extensions.details).toHaveProperty('requestId');
  });
});

function changed(listing: MadeListing, change: (input: MadeListing['input']) => object): { listing: MadeListing } {
  return { listing: { ...listing, input: change(listing.input) as MadeListing['input'] } };
}
