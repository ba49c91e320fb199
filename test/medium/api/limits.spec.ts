// Real: the API over HTTP, PostgreSQL, BullMQ on it. Faked: log, chain, the recorder's key file.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, bearer, codeOf, get, signIn } from '../../support/api/client.js';
import { newAccount } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

describe('limits of a query', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
  });
  afterAll(async () => api?.stop());

  it('refuses one that is too deep', async () => {
    const deep = `{ __schema { types { fields { type { ${'ofType { '.repeat(16)} name ${'}'.repeat(16)} } } } } }`;
    expect(await ask(api, deep)).toMatchObject({ status: 413, errors: [{ extensions: { code: 'TOO_LARGE' } }] });
  });

  it('refuses one that may cost too much, whichever way the size is given, and under any alias', async () => {
    const fields =
      'id title description tags seller priceWei rowCount label columns manifest terms offer revoked accessCount';
    const many = Array.from({ length: 20 }, (_, i) => `a${i}: datasets(first: 100) { nodes { ${fields} } }`).join(' ');
    expect(await ask(api, `{ ${many} }`)).toMatchObject({
      status: 413,
      errors: [{ extensions: { code: 'TOO_LARGE' } }],
    });
    const one = `query ($n: Int!) { ${many.replaceAll('first: 100', 'first: $n')} }`;
    expect(await codeOf(ask(api, one, { n: 100 }))).toBe('TOO_LARGE');
    expect(await codeOf(ask(api, one, { n: 1 }))).toBeUndefined();
    expect(await codeOf(ask(api, one, { n: 100 }))).toBe('TOO_LARGE');
  });

  it('allows a full page with everything on it, and what clients ask of the schema', async () => {
    const job =
      'id state reason receipt progress { state step of } dataset { id title manifest terms offer columns revoked accessCount }';
    const token = await signIn(api, newAccount());
    const page = `{ jobs(first: 100) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node { ${job} } } } }`;
    expect((await ask(api, page, {}, token)).errors).toEqual([]);
    const { getIntrospectionQuery } = await import('graphql');
    expect((await ask(api, getIntrospectionQuery())).errors).toEqual([]);
  });

  it.each([
    ['a body that is no JSON', '{', 'application/json', 400],
    ['a body without a query', '{}', 'application/json', 400],
    ['a media type that is none of ours', 'query', 'text/csv', 400],
    [
      'a body that is too large',
      JSON.stringify({ query: '{ viewer { address } }', pad: 'x'.repeat(3 << 20) }),
      'application/json',
      413,
    ],
    [
      'a query of too many words',
      JSON.stringify({ query: `{ ${'viewer { address } '.repeat(3_000)} }` }),
      'application/json',
      400,
    ],
    ['a syntax error', JSON.stringify({ query: '{ viewer {' }), 'application/json', 400],
    ['an unknown field', JSON.stringify({ query: '{ passwords }' }), 'application/json', 400],
    [
      'a variable of the wrong type',
      JSON.stringify({
        query: 'query ($id: Bytes32!) { records(dataset: $id) { totalCount } }',
        variables: { id: 'x' },
      }),
      'application/json',
      400,
    ],
  ])('refuses %s in our words', async (_what, body, type, status) => {
    const response = await fetch(`${api.url}/graphql`, { method: 'POST', headers: { 'content-type': type }, body });
    expect(response.status).toBe(status);
    const answer = (await response.json()) as { errors?: { extensions: object }[] };
    const said = answer.errors?.[0]?.extensions ?? answer;
    expect(said).toMatchObject({
      code: status === 413 ? 'TOO_LARGE' : 'BAD_INPUT',
      next: expect.any(String) as string,
    });
    expect(JSON.stringify(answer)).not.toMatch(/node_modules|\.ts:|\.js:/);
  });

  it('does nothing by GET but read', async () => {
    const query = encodeURIComponent('mutation { createNonce }');
    const response = await fetch(`${api.url}/graphql?query=${query}`);
    expect(response.status).toBe(400);
  });

  it('counts requests by route for Prometheus, and shows no id in a label', async () => {
    await fetch(`${api.url}/manifests/${'c'.repeat(64)}`);
    const text = await (await fetch(`${api.url}/metrics`)).text();
    expect(text).toContain('route="/manifests/:digest"');
    expect(text).not.toContain('c'.repeat(64));
    expect(text).toMatch(/weighbridge_jobs\{state="submitted"\} 0/);
    expect(text).toMatch(/weighbridge_outbox_messages 0/);
  });
});

describe('limits of a caller', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi({ RATE_LIMIT_PER_ADDRESS: 60, RATE_LIMIT_PER_SESSION: 10 });
  });
  afterAll(async () => api?.stop());

  it('slows a session down, then its address, but never the health check; made-up tokens gain nothing', async () => {
    const token = await signIn(api, newAccount());
    for (let i = 0; i < 10; i++) expect(await codeOf(ask(api, '{ viewer { address } }', {}, token))).toBeUndefined();
    const slowed = await ask(api, '{ viewer { address } }', {}, token);
    expect(slowed).toMatchObject({ status: 429, errors: [{ extensions: { code: 'RATE_LIMITED' } }] });
    const another = await signIn(api, newAccount());
    expect(await get(api, 'viewer', '{ viewer { address } }', {}, another)).not.toBeNull();
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 60; i++) {
      const madeUp = Buffer.alloc(32, i).toString('base64url');
      codes.push(await codeOf(ask(api, '{ viewer { address } }', {}, madeUp)));
    }
    expect(codes).toContain('RATE_LIMITED');
    expect(codes.at(-1)).toBe('RATE_LIMITED');
    const blob = await fetch(`${api.url}/blobs/sha256/${'a'.repeat(64)}`, { headers: bearer(another) });
    expect(blob.status).toBe(429);
    expect(await blob.json()).toMatchObject({ code: 'RATE_LIMITED', details: { retryable: true } });
    expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
  });
});
