// Real: the API over HTTP and WebSocket, PostgreSQL, BullMQ on it, every signature. Faked: log, chain, the recorder's key file.
import { buildSchema, isNonNullType, type GraphQLField } from 'graphql';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, askSignIn, bearer, codeOf, get, signIn, siweMessage, webSocketClient } from '../../support/api/client.js';
import { newAccount } from '../../support/api/story.js';
import { startTestApi, type TestApi } from '../../support/api/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => api?.stop());

const VIEWER = '{ viewer { address roles } }';

describe('sign-in', () => {
  it('opens a session that names its address, and closes it', async () => {
    const account = newAccount();
    const token = await signIn(api, account);
    expect(await get(api, 'viewer', VIEWER, {}, token)).toEqual({
      address: account.address,
      roles: ['BUYER', 'SELLER'],
    });
    expect(await get(api, 'signOut', 'mutation { signOut }', {}, token)).toBe(true);
    expect(await get(api, 'viewer', VIEWER, {}, token)).toBeNull();
  });

  it('keeps no token, only its digest', async () => {
    const token = await signIn(api, newAccount());
    const rows = await api.prisma.session.findMany();
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(await get(api, 'viewer', VIEWER, {}, rows[0]?.tokenDigest)).toBeNull();
  });

  it('takes a nonce once, even when two race for it', async () => {
    const account = newAccount();
    const message = await siweMessage(api, account);
    const codes = await Promise.all([1, 2, 3].map(async () => codeOf(askSignIn(api, message, account))));
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'NONCE_USED')).toHaveLength(2);
    expect(await codeOf(askSignIn(api, message, account))).toBe('NONCE_USED');
  });

  it('refuses a nonce that it never gave, or gave too long ago', async () => {
    const account = newAccount();
    const invented = await siweMessage(api, account, { nonce: 'inventedbyme1234' });
    expect(await codeOf(askSignIn(api, invented, account))).toBe('NONCE_USED');
    const old = await siweMessage(api, account);
    await api.prisma.nonce.updateMany({ data: { expiresAt: new Date(Date.now() - 1) } });
    expect(await codeOf(askSignIn(api, old, account))).toBe('NONCE_USED');
  });

  it.each([
    ['another domain', { domain: 'weighbridge.evil.example' }, 'UNAUTHENTICATED'],
    ['another URI', { uri: 'https://weighbridge.evil.example/' }, 'UNAUTHENTICATED'],
    ['another chain', { chainId: 1 }, 'WRONG_CHAIN'],
    ['an expired message', { expirationTime: new Date(Date.now() - 1_000) }, 'UNAUTHENTICATED'],
    ['a message for later', { notBefore: new Date(Date.now() + 3_600_000) }, 'UNAUTHENTICATED'],
    ['an old message', { issuedAt: new Date(Date.now() - 3_600_000) }, 'UNAUTHENTICATED'],
    ['a message from the future', { issuedAt: new Date(Date.now() + 3_600_000) }, 'UNAUTHENTICATED'],
  ])('refuses %s, and leaves its nonce unused', async (_what, change, code) => {
    const account = newAccount();
    const message = await siweMessage(api, account, change);
    expect(await codeOf(askSignIn(api, message, account))).toBe(code);
    const nonce = /Nonce: (\w+)/.exec(message)?.[1];
    expect(await api.prisma.nonce.findUnique({ where: { value: nonce ?? '' } })).toMatchObject({ usedAt: null });
  });

  it('refuses a signature of somebody else, and text that is no message', async () => {
    const message = await siweMessage(api, newAccount());
    expect(await codeOf(askSignIn(api, message, newAccount()))).toBe('BAD_SIGNATURE');
    expect(await codeOf(askSignIn(api, 'let me in', newAccount()))).toBe('BAD_INPUT');
    expect(await codeOf(askSignIn(api, message + 'x'.repeat(10_000), newAccount()))).toBe('BAD_INPUT');
    const garbage = { message, signature: '0x1234' };
    const query =
      'mutation ($message: String!, $signature: String!) { signIn(message: $message, signature: $signature) { token } }';
    expect(await codeOf(ask(api, query, garbage))).toBe('BAD_SIGNATURE');
  });

  it('ends a session with its time', async () => {
    const token = await signIn(api, newAccount());
    await api.prisma.session.updateMany({ data: { expiresAt: new Date(Date.now() - 1) } });
    expect(await get(api, 'viewer', VIEWER, {}, token)).toBeNull();
    expect(await codeOf(ask(api, '{ jobs { totalCount } }', {}, token))).toBe('UNAUTHENTICATED');
  });

  it.each(['Basic abc', 'Bearer', 'Bearer a b', 'Bearer ' + 'x'.repeat(43), 'bearer', ''])(
    'signs nobody in by the header "%s"',
    async (authorization) => {
      const response = await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query: VIEWER }),
      });
      expect(await response.json()).toEqual({ data: { viewer: null } });
    },
  );
});

describe('deny by default', () => {
  const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));
  const operations = [
    ...Object.values(schema.getQueryType()?.getFields() ?? {}).map((field) => ['query', field] as const),
    ...Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => ['mutation', field] as const),
  ];
  /** What a stranger may call. Everything else in the schema, now and later, must ask who is there. */
  const PUBLIC = [
    ...['viewer', 'datasets', 'dataset', 'networkInfo', 'createNonce', 'signIn'],
    // What the log and the chain show anybody.
    ...['records', 'accessRecords', 'record', 'checkpoint', 'lineage', 'blastRadius', 'storage'],
  ];

  it.each(operations.map(([kind, field]) => [`${kind} ${field.name}`, kind, field] as const))(
    'asks a stranger who it is: %s',
    async (_name, kind, field) => {
      const code = await codeOf(ask(api, `${kind} { ${callOf(field)} }`));
      if (PUBLIC.includes(field.name)) expect(code).not.toBe('UNAUTHENTICATED');
      else expect(code).toBe('UNAUTHENTICATED');
    },
  );

  it('asks a stranger who it is: subscription jobProgress', async () => {
    const client = webSocketClient(api);
    const query = `subscription { jobProgress(id: "0x${'0'.repeat(64)}") { state } }`;
    const outcome = await new Promise<unknown>((resolve) => {
      client.subscribe({ query }, { next: resolve, error: resolve, complete: () => resolve('completed') });
    });
    expect(JSON.stringify(outcome)).toContain('this needs a session');
    await client.dispose();
  });

  it.each([
    ['GET', `/blobs/sha256/${'a'.repeat(64)}`, 401],
    ['PUT', `/blobs/sha256/${'a'.repeat(64)}`, 401],
    ['GET', `/manifests/${'a'.repeat(64)}`, 404],
    ['GET', `/terms/${'a'.repeat(64)}`, 404],
    ['GET', '/healthz', 200],
    ['DELETE', `/blobs/sha256/${'a'.repeat(64)}`, 404],
  ])('answers a stranger %s %s with %i', async (method, path, status) => {
    const response = await fetch(api.url + path, { method, headers: bearer(undefined) });
    expect(response.status).toBe(status);
  });
});

/** A call of the field with the least arguments that validate. */
function callOf(field: GraphQLField<unknown, unknown>): string {
  const values: Record<string, string> = {
    Int: '0',
    JSON: '[]',
    String: '"00000000"',
    Bytes32: `"0x${'0'.repeat(64)}"`,
  };
  const input = {
    ListDatasetInput: '{ manifest: 1, terms: 1, offer: 1, offerSignature: "", envelope: 1 }',
    IssueLicenceInput: `{ licence: 1, signature: "", pseudonymSignature: "", purpose: "", purposeSalt: "0x${'0'.repeat(64)}" }`,
    RevokeConsentInput: `{ dataset: "0x${'0'.repeat(64)}", envelope: 1 }`,
    SubmitJobInput: '{ order: 1, declaration: 1, recipient: "" }',
  };
  const args = field.args.filter((arg) => isNonNullType(arg.type) && arg.defaultValue === undefined);
  const given = args.map((arg) => `${arg.name}: ${{ ...values, ...input }[String(arg.type).replace('!', '')] ?? '""'}`);
  const leaf = /^(String|Boolean|Int|JSON)!?$/.test(String(field.type));
  return `${field.name}${given.length > 0 ? `(${given.join(', ')})` : ''}${leaf ? '' : ' { __typename }'}`;
}
