// Real: the API over HTTP, PostgreSQL, BullMQ on it, every digest and signature. Faked: log, chain, the recorder's key file.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonDigest } from '../../../src/kernel/index.js';
import { ask, codeOf, get } from '../../support/api/client.js';
import { listed, signedIn, type Party } from '../../support/api/steps.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

let api: TestApi;
let seller: Party;
beforeAll(async () => {
  api = await startTestApi();
  seller = await signedIn(api);
});
afterAll(async () => api?.stop());

describe('search', () => {
  const SEARCH = `query ($search: String, $first: Int! = 20, $after: String) { datasets(search: $search, first: $first, after: $after) {
    nodes { title } edges { cursor node { id } } pageInfo { hasNextPage endCursor } totalCount } }`;
  interface Found {
    nodes: { title: string }[];
    edges: { cursor: string; node: { id: string } }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
    totalCount: number;
  }
  const search = async (variables: object): Promise<Found> => get(api, 'datasets', SEARCH, variables);

  beforeAll(async () => {
    const titles = ['Zebra crossings', 'Zebrafish embryos', 'Quantum zebras, 100% striped', 'Lakes'];
    for (const title of titles) {
      await listed(api, seller, { manifest: { title, tags: ['striped_animals'], description: `About ${title}.` } });
    }
    const columns = [{ name: 'wingspan_cm', type: 'number' as const }];
    await listed(api, seller, { manifest: { title: 'Birds', label: 'wingspan_cm', columns } });
  });

  it.each([
    ['zebra', ['Quantum zebras, 100% striped', 'Zebrafish embryos', 'Zebra crossings']],
    ['ZEBRAF', ['Zebrafish embryos']],
    ['quantum zebra', ['Quantum zebras, 100% striped']],
    ['embryo', ['Zebrafish embryos']],
    ['wingspan', ['Birds']],
    ['100%', ['Quantum zebras, 100% striped']],
    ['no such thing', []],
  ])('finds by words and parts of words: %s', async (text, titles) => {
    const found = await search({ search: text });
    expect(found.nodes.map((node) => node.title)).toEqual(titles);
    expect(found.totalCount).toBe(titles.length);
  });

  it.each(["'; DROP TABLE datasets; --", '%', '_', '\\', '"unclosed', 'a & | ! ( b', '\0', 'x'.repeat(100_000), '&:*'])(
    'takes hostile text as text: %j',
    async (text) => {
      const found = await search({ search: text });
      expect(found.totalCount).toBeGreaterThanOrEqual(0);
    },
  );

  it('pages through everything once, in a stable order, though more is listed meanwhile', async () => {
    const { totalCount } = await search({ first: 1 });
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: Found = await search({ first: 3, after });
      seen.push(...page.edges.map((edge) => edge.node.id));
      expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null);
      if (seen.length === 3) await listed(api, seller, { manifest: { title: 'Listed in between' } });
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toHaveLength(totalCount);
    expect(new Set(seen).size).toBe(totalCount);
  });

  it.each([
    ['no rows', { first: 0 }],
    ['too many rows', { first: 101 }],
    ['an invented cursor', { after: 'abc' }],
    ["another list's cursor", { after: Buffer.from('v9:1').toString('base64url') }],
  ])('refuses a page of %s', async (_what, variables) => {
    expect(await codeOf(ask(api, SEARCH, variables))).toBe('BAD_INPUT');
  });
});

describe('dataset', () => {
  const FIND = 'query ($id: String!) { dataset(id: $id) { id revoked } }';

  it('is found by a unique prefix, with and without 0x, in either case', async () => {
    const { keyId } = await listed(api, seller);
    for (const id of [keyId, keyId.slice(0, 18), keyId.slice(2, 18), keyId.slice(2, 20).toUpperCase()]) {
      expect(await get(api, 'dataset', FIND, { id })).toMatchObject({ id: keyId });
    }
    expect(await get(api, 'dataset', FIND, { id: '0'.repeat(63) })).toBeNull();
  });

  it.each(['', 'abc', '0x1234567', 'zebra crossing', '0x' + 'a'.repeat(65)])('refuses %j as an id', async (id) => {
    expect(await codeOf(ask(api, FIND, { id }))).toBe('BAD_INPUT');
  });

  it('tells when its seller revoked it', async () => {
    const { keyId } = await listed(api, seller);
    api.chain.revoked.add(keyId);
    expect(await get(api, 'dataset', FIND, { id: keyId })).toEqual({ id: keyId, revoked: true });
  });
});

describe('a listing in the words of other catalogues', () => {
  it.each([
    ['croissant', { '@type': 'sc:Dataset', conformsTo: 'http://mlcommons.org/croissant/1.0' }],
    ['dcat', { '@type': 'dcat:Dataset', 'dct:title': 'Handwritten digits' }],
  ])('is served as %s, by a prefix too, and what it names is there', async (name, about) => {
    const { keyId, manifest, terms } = await listed(api, seller);
    const answer = await fetch(`${api.url}/datasets/${keyId.slice(0, 18)}/${name}.json`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('ld+json')]);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject(about);
    expect(text).not.toContain(manifest.wrappedKey.dataToEncryptHash);
    const named = [`manifests/${jsonDigest(manifest)}`, `terms/${jsonDigest(terms)}`];
    for (const path of named) {
      expect(text).toContain(`${api.url}/${path}`);
      expect((await fetch(`${api.url}/${path}`)).status).toBe(200);
    }
  });

  it('is not there for a dataset that is not, and says so', async () => {
    for (const [id, status, code] of [
      ['0'.repeat(64), 404, 'DATASET_NOT_FOUND'],
      ['zebra', 400, 'BAD_INPUT'],
    ]) {
      const answer = await fetch(`${api.url}/datasets/${id}/croissant.json`);
      expect([answer.status, await answer.json()]).toMatchObject([status, { code, next: expect.anything() }]);
    }
  });
});

describe('records', () => {
  it('shows what the log holds of a dataset as soon as the log holds it', async () => {
    const { keyId, entry } = await listed(api, seller);
    const query = `query ($keyId: Bytes32!) { records(dataset: $keyId) { totalCount nodes { index type keyId actor orderId } } }`;
    const index = api.log.entries.findIndex((known) => Buffer.compare(known, entry) === 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await get(api, 'records', query, { keyId })).toEqual({
      totalCount: 1,
      nodes: [{ index, type: 'dataset-listed', keyId, actor: seller.account.address, orderId: null }],
    });
  });

  it('says so when the log does not answer, and is not ready then', async () => {
    api.log.down = true;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await codeOf(ask(api, '{ records { totalCount } }'))).toBe('LOG_UNAVAILABLE');
    const ready = await fetch(`${api.url}/readyz`);
    api.log.down = false;
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ checks: { log: 'failed', database: 'ok', queue: 'ok', chain: 'ok' } });
  });
});
