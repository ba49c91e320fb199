// Real: the API over HTTP, PostgreSQL, BullMQ on it, every digest and signature. Faked: log, chain, the recorder's key file.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, codeOf, get, signIn } from '../../support/api/client.js';
import { licenceDigest, licenceFromJson } from '../../../src/kernel/index.js';
import { marketOf } from '../../../src/platform/index.js';
import { keyIdOfRecord, parseEntry } from '../../../src/provenance/index.js';
import { pseudonymOf } from '../../../src/cli/state/key-file.js';
import { recoverAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { randomWord } from '../../support/ceramic-batches.js';
import { parties } from '../../support/provenance-story.js';
import { logRun } from '../../support/api/log-story.js';
import { ISSUE, licensed, listed, signedIn, type Party } from '../../support/api/steps.js';
import { makeLicence, newAccount, nowSeconds, type MadeLicence, type MadeListing } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

let api: TestApi;
let seller: Party;
let buyer: Party;
let listing: MadeListing;
beforeAll(async () => {
  api = await startTestApi();
  [seller, buyer] = [await signedIn(api), await signedIn(api)];
  listing = await listed(api, seller);
});
afterAll(async () => api?.stop());

const never = (): never => {
  throw new Error('no such record');
};
const issue = async (licence: Pick<MadeLicence, 'input'>, token = buyer.token) =>
  ask(api, ISSUE, { input: licence.input }, token);
const make = async (change: Parameters<typeof makeLicence>[3] = {}) =>
  makeLicence(api.network, buyer.account, listing, change);
const LICENCES =
  'query ($dataset: Bytes32) { licences(dataset: $dataset) { totalCount nodes { id buyer dataset { id } } } }';

describe('one buyer of two datasets', () => {
  it('is two strangers in their logs: no address or key in one dataset’s records leads to the other’s', async () => {
    const key = generatePrivateKey();
    const account = privateKeyToAccount(key);
    const party = { account, token: await signIn(api, account) };
    const found = [];
    for (const own of [await signedIn(api), await signedIn(api)]) {
      const dataset = await listed(api, own);
      const { keyId, offer } = dataset;
      // As the command line derives it.
      const pseudonym = pseudonymOf(key, keyId);
      const licence = await makeLicence(api.network, account, dataset, { pseudonym });
      await get(api, 'issueLicence', ISSUE, { input: licence.input }, party.token);
      const begun = { weights: randomWord().slice(2), initialWeights: randomWord().slice(2) };
      await logRun(api, { keyId, licence: licence.id, offer, buyer: pseudonym.address, ...begun });
      const entries = api.log.entries.map(parseEntry).filter((entry) => keyIdOfRecord(entry) === keyId);
      expect(entries.map(({ type }) => type)).toContain('access-granted');
      const [licensing] = entries.filter((entry) => entry.type === 'licence-issued');
      const { licence: logged, licenceSignature: signature } = licensing?.predicate ?? never();
      // Whoever reads the log can find out who signed: that must not be the account either.
      const hash = licenceDigest(marketOf(api.network), licenceFromJson(logged));
      const signer = await recoverAddress({ hash, signature });
      const text = JSON.stringify(entries.map((entry) => [entry.signer, entry.statement])).toLowerCase();
      // Everything in it that could be an address, a digest, a commitment or a nonce.
      found.push(new Set([...(text.match(/0x[0-9a-f]{40,}/g) ?? []), signer.toLowerCase()]));
      expect(text).not.toContain(account.address.slice(2).toLowerCase());
    }
    const [one, other] = found;
    const { recorder, operator, treasury } = api.network;
    const shared = [...(one ?? [])].filter((word) => other?.has(word) === true);
    // Who serves every dataset is public: recorder, operator and treasury (`logRun` has its own). The terms are the same words.
    const served = [parties.recorder, parties.operator, parties.treasury].map(({ address }) => address);
    const known = [recorder, operator, treasury, ...served];
    const terms = listing.offer.termsDigest;
    expect(shared.filter((word) => ![...known.map((a) => a.toLowerCase()), terms].includes(word))).toEqual([]);
  });
});

describe('issueLicence', () => {
  it('logs the acceptance under the recorder, and the purpose nowhere in the open', async () => {
    const licence = await make();
    const { data, errors } = await issue(licence);
    expect(errors).toEqual([]);
    expect(data).toMatchObject({ issueLicence: { id: licence.id, buyer: buyer.account.address } });
    const record = api.log.ofType('licence-issued').find((entry) => entry.commitment === licence.id);
    expect(record?.signer).toBe(api.network.recorder);
    expect(record?.predicate.licenceSignature).toBe(licence.input.signature);
    expect(new TextDecoder().decode(api.log.entries.at(-1))).not.toContain('research');
    const detail = await api.prisma.erasableDetail.findUnique({ where: { licenceId: licence.id } });
    expect(detail).toMatchObject({ purpose: 'research', salt: licence.input.purposeSalt });
    const rows = await api.prisma.licence.findMany({ where: { id: licence.id } });
    expect(JSON.stringify(rows.map(({ seq: _seq, ...row }) => row))).not.toContain('research');
  });

  it('lets the purpose be erased without touching licence or log', async () => {
    const licence = await licensed(api, buyer, listing);
    await api.prisma.erasableDetail.delete({ where: { licenceId: licence.id } });
    const before = api.log.entries.length;
    expect((await issue(licence)).errors).toEqual([]);
    expect(api.log.entries.length).toBe(before);
  });

  it('issues once, however often and however concurrently it is asked', async () => {
    const licence = await make();
    const before = api.log.entries.length;
    const answers = await Promise.all([1, 2, 3, 4].map(async () => issue(licence)));
    expect(answers.flatMap((answer) => answer.errors)).toEqual([]);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.data))).size).toBe(1);
    expect(api.log.entries.length).toBe(before + 1);
  });

  it.each(['lost', 'errored'] as const)('finishes one whose append was %s: one record, one licence', async (fail) => {
    const licence = await make();
    const before = api.log.entries.length;
    api.log.failNext = fail;
    expect(await codeOf(issue(licence))).toBe('LOG_UNAVAILABLE');
    const shown = await get<{ nodes: { id: string }[] }>(api, 'licences', LICENCES, {}, buyer.token);
    expect(shown.nodes.map((node) => node.id)).not.toContain(licence.id);
    await api.restart();
    expect((await issue(licence)).errors).toEqual([]);
    expect(api.log.entries.length).toBe(before + 1);
  });

  it('refuses a nonce that another licence has', async () => {
    const first = await make();
    await issue(first);
    const second = await make({ nonce: first.licence.nonce, validUntil: first.licence.validUntil - 1n });
    const before = api.log.entries.length;
    expect(await codeOf(issue(second))).toBe('NONCE_USED');
    expect(api.log.entries.length).toBe(before);
  });

  const bad: [string, string, () => Promise<{ licence: Pick<MadeLicence, 'input'>; token?: string }>][] = [
    ["somebody else's licence", 'BAD_SIGNATURE', async () => ({ licence: await make(), token: seller.token })],
    [
      "somebody else's licence that is issued",
      'FORBIDDEN',
      async () => ({ licence: await licensed(api, buyer, listing), token: seller.token }),
    ],
    [
      'the account in place of a pseudonym',
      'BAD_INPUT',
      async () => ({ licence: await make({ pseudonym: buyer.account }) }),
    ],
    [
      'the pseudonym of another dataset',
      'BAD_INPUT',
      async () => {
        const pseudonym = newAccount();
        await issue(await make({ pseudonym }));
        const other = await listed(api, seller);
        return { licence: await makeLicence(api.network, buyer.account, other, { pseudonym }) };
      },
    ],
    [
      'a pseudonym that is signed for with another dataset',
      'BAD_SIGNATURE',
      async () => {
        const pseudonym = newAccount();
        const { input } = await make({ pseudonym });
        const { pseudonymSignature } = (await make({ pseudonym, keyId: `0x${'1'.repeat(64)}` })).input;
        return { licence: { input: { ...input, pseudonymSignature } } };
      },
    ],
    ["somebody else's signature", 'BAD_SIGNATURE', async () => ({ licence: await make({ signer: newAccount() }) })],
    [
      'a purpose that the terms do not list',
      'BAD_TERMS',
      async () => ({ licence: await make({ purpose: 'surveillance' }) }),
    ],
    ['other terms', 'BAD_TERMS', async () => ({ licence: await make({ termsDigest: `0x${'1'.repeat(64)}` }) })],
    [
      'a commitment that does not open',
      'BAD_TERMS',
      async () => ({ licence: await make({ purposeCommitment: `0x${'1'.repeat(64)}` }) }),
    ],
    [
      'more days than the terms give',
      'BAD_TERMS',
      async () => ({ licence: await make({ validUntil: BigInt(nowSeconds() + 31 * 86_400) }) }),
    ],
    ['a time without end', 'BAD_TERMS', async () => ({ licence: await make({ validUntil: 2n ** 64n - 1n }) })],
    [
      'a time that is over',
      'LICENCE_EXPIRED',
      async () => ({ licence: await make({ validUntil: BigInt(nowSeconds() - 1) }) }),
    ],
    [
      'a dataset that is not there',
      'DATASET_NOT_FOUND',
      async () => ({ licence: await make({ keyId: `0x${'1'.repeat(64)}` }) }),
    ],
    [
      'a revoked dataset',
      'DATASET_REVOKED',
      async () => {
        const other = await listed(api, seller);
        api.chain.revoked.add(other.keyId);
        return { licence: await makeLicence(api.network, buyer.account, other) };
      },
    ],
    [
      'a licence of the wrong shape',
      'BAD_INPUT',
      async () => {
        const { input } = await make();
        return { licence: { input: { ...input, licence: { ...input.licence, validUntil: '1e9' } } } };
      },
    ],
  ];
  it.each(bad)('refuses %s with %s, and logs nothing', async (_what, code, makeBad) => {
    const { licence, token } = await makeBad();
    const before = api.log.entries.length;
    const { errors } = await issue(licence, token);
    expect(errors[0]?.extensions).toMatchObject({ code, next: expect.stringMatching(/\w+/) as string });
    expect(api.log.entries.length).toBe(before);
  });
});

describe('licences', () => {
  it("shows the viewer's own, of one dataset or of all", async () => {
    const [other, another] = [await signedIn(api), await listed(api, seller)];
    const mine = await licensed(api, other, listing);
    const more = await licensed(api, other, another);
    const all = await get<{ totalCount: number }>(api, 'licences', LICENCES, {}, other.token);
    expect(all).toEqual({
      totalCount: 2,
      nodes: [
        { id: more.id, buyer: other.account.address, dataset: { id: another.keyId } },
        { id: mine.id, buyer: other.account.address, dataset: { id: listing.keyId } },
      ],
    });
    const one = await get<{ nodes: { id: string }[] }>(
      api,
      'licences',
      LICENCES,
      { dataset: listing.keyId },
      other.token,
    );
    expect(one.nodes.map((node) => node.id)).toEqual([mine.id]);
    const none = await get<{ totalCount: number }>(api, 'licences', LICENCES, {}, (await signedIn(api)).token);
    expect(none.totalCount).toBe(0);
  });
});
