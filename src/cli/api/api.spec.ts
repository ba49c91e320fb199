import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recoverMessageAddress } from 'viem';
import { parseSiweMessage } from 'viem/siwe';
import { z } from 'zod';
import { network as baseNetwork } from '../../../test/support/cli.js';
import { FakeMarket } from '../../../test/support/fake-market.js';
import { parties } from '../../../test/support/provenance-story.js';
import { sha256Hex, utf8, type Bytes32, type Network } from '../../kernel/index.js';
import { graphql, type Operation } from './graphql.js';
import { createMarketApi } from './market-api.js';
import type { JobProgress } from './schemas.js';
import { watchJob } from './watch-job.js';

// Real: HTTP, on a server of the test that answers what each case says.
type Answer = { status?: number; headers?: Record<string, string>; body: unknown } | 'hang up';
let server: Server;
let network: Network;
let answers: Answer[];
let asked: { method: string; path: string; authorization: string | undefined; body: string }[];

beforeEach(async () => {
  answers = [];
  asked = [];
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  network = { ...baseNetwork, apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  asked.push({
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    body,
  });
  const next = answers.shift() ?? { status: 500, body: 'the test has no more answers' };
  if (next === 'hang up') {
    request.socket.destroy();
    return;
  }
  response.writeHead(next.status ?? 200, { 'content-type': 'application/json', ...next.headers });
  response.end(next.body instanceof Uint8Array ? next.body : JSON.stringify(next.body));
}

const query: Operation<z.ZodObject<{ n: z.ZodNumber }>> = {
  document: '{ n }',
  data: z.object({ n: z.number() }),
  idempotent: true,
};
const ask = async (operation = query) => graphql(network.apiUrl, operation, {}, 'secret-token');

describe('GraphQL', () => {
  it('gives the data, and the token in its header alone', async () => {
    answers = [{ body: { data: { n: 1 } } }];
    expect(await ask()).toEqual({ n: 1 });
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/graphql', authorization: 'Bearer secret-token' });
    expect(asked[0]?.body).not.toContain('secret-token');
  });

  it('gives an error its code, message, next step and details', async () => {
    const extensions = { code: 'LICENCE_EXPIRED', next: 'Accept the terms again.', details: { days: 3 } };
    answers = [{ body: { data: null, errors: [{ message: 'it ended', extensions }] } }];
    await expect(ask()).rejects.toMatchObject({
      code: 'LICENCE_EXPIRED',
      message: 'it ended',
      next: 'Accept the terms again.',
      details: { days: 3 },
    });
  });

  it('takes a code that it does not know for INTERNAL', async () => {
    answers = [{ body: { errors: [{ message: 'm', extensions: { code: 'MADE_UP' } }] } }];
    await expect(ask()).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('refuses an answer of another shape', async () => {
    answers = [{ body: { data: { n: 'one' } } }];
    await expect(ask()).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('n: ') });
    answers = [
      { status: 502, body: '<html>' },
      { status: 502, body: '<html>' },
      { status: 502, body: '<html>' },
      { status: 502, body: '<html>' },
    ];
    await expect(ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('asks again what may be asked again', async () => {
    answers = ['hang up', { status: 503, body: {} }, { body: { data: { n: 2 } } }];
    expect(await ask()).toEqual({ n: 2 });
    expect(asked).toHaveLength(3);
  });

  it('sends once what may be sent once', async () => {
    answers = ['hang up', { body: { data: { n: 2 } } }];
    await expect(ask({ ...query, idempotent: false })).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    expect(asked).toHaveLength(1);
  });
});

describe('signing in', () => {
  const nonce = { body: { data: { createNonce: 'abcdef0123456789' } } };
  const session = (token: string) => ({ body: { data: { signIn: { token } } } });
  const jobs = {
    body: { data: { jobs: { nodes: [], totalCount: 0, pageInfo: { hasNextPage: false, endCursor: null } } } },
  };
  const api = () => createMarketApi(network, async () => parties.buyer);

  it('signs a message for this site, chain and nonce, once for many calls', async () => {
    answers = [nonce, session('t1'), jobs, jobs];
    const market = api();
    await market.jobs(5);
    await market.jobs(5);
    const { variables } = JSON.parse(asked[1]?.body ?? '') as {
      variables: { message: string; signature: `0x${string}` };
    };
    const { message, signature } = variables;
    expect(parseSiweMessage(message)).toMatchObject({
      domain: new URL(network.apiUrl).host,
      chainId: network.chainId,
      nonce: 'abcdef0123456789',
      address: parties.buyer.address,
    });
    expect(await recoverMessageAddress({ message, signature })).toBe(parties.buyer.address);
    expect(asked.map(({ authorization }) => authorization)).toEqual([undefined, undefined, 'Bearer t1', 'Bearer t1']);
  });

  it('signs in again when the session has run out, and then gives up', async () => {
    const out = { body: { errors: [{ message: 'over', extensions: { code: 'UNAUTHENTICATED' } }] } };
    answers = [nonce, session('t1'), out, nonce, session('t2'), jobs];
    await api().jobs(5);
    expect(asked.at(-1)?.authorization).toBe('Bearer t2');
    answers = [nonce, session('t1'), out, nonce, session('t2'), out];
    await expect(api().jobs(5)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is not asked of somebody who only looks', async () => {
    answers = [{ body: { data: { dataset: null } } }];
    const market = createMarketApi(network, async () => Promise.reject(new Error('no key')));
    await expect(market.dataset('0x12345678')).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    expect(asked[0]?.authorization).toBeUndefined();
  });
});

it.each([302, 307, 308])('sends token and model nowhere else: %i is an answer that nobody follows', async (status) => {
  const market = createMarketApi(network, async () => parties.buyer);
  const nonce = { body: { data: { createNonce: 'abcdef0123456789' } } };
  const away = { status, headers: { location: `${network.apiUrl}/elsewhere` }, body: 'moved' };
  answers = [nonce, { body: { data: { signIn: { token: 't1' } } } }, away, away, away];
  const told = { code: 'INTERNAL', message: `the marketplace answered with status ${status}` };
  await expect(market.putBlob(sha256Hex(utf8('model')), utf8('model'))).rejects.toMatchObject(told);
  await expect(market.getBlob(sha256Hex(utf8('model')))).rejects.toMatchObject(told);
  await expect(market.jobs(1)).rejects.toMatchObject(told);
  expect(asked.map(({ path }) => path)).not.toContain('/elsewhere');
});

it('takes no other dataset than the one that was asked for', async () => {
  const { dataset } = await FakeMarket.create();
  const body = { data: { dataset: { ...dataset, priceWei: String(dataset.priceWei) } } };
  const market = createMarketApi(network, async () => parties.buyer);
  for (const asks of [dataset.id, ` ${dataset.id.slice(2, 10).toUpperCase()}`]) {
    answers = [{ body }];
    expect(await market.dataset(asks)).toEqual(dataset);
  }
  answers = [{ body }];
  await expect(market.dataset(`0x${'77'.repeat(32)}`)).rejects.toMatchObject({
    code: 'OFFER_MISMATCH',
    message: expect.stringContaining(dataset.id),
  });
});

describe('blobs', () => {
  const nonce = { body: { data: { createNonce: 'abcdef0123456789' } } };
  const session = { body: { data: { signIn: { token: 't' } } } };
  const api = () => createMarketApi(network, async () => parties.buyer);

  it('that are not what was asked for are refused', async () => {
    const wanted = sha256Hex(utf8('weights'));
    answers = [nonce, session, { body: utf8('weights') }];
    expect(await api().getBlob(wanted)).toEqual(utf8('weights'));
    answers = [nonce, session, { body: utf8('others!') }];
    await expect(api().getBlob(wanted)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('are sent again after a broken connection, and refusals keep their code', async () => {
    answers = [nonce, session, 'hang up', { status: 201, body: {} }];
    await api().putBlob(sha256Hex(utf8('x')), utf8('x'));
    expect(asked.slice(2).map(({ method, body }) => [method, body])).toEqual([
      ['PUT', 'x'],
      ['PUT', 'x'],
    ]);
    answers = [nonce, session, { status: 413, body: { code: 'TOO_LARGE', message: 'too large', next: 'Cut it.' } }];
    await expect(api().putBlob('00', utf8('x'))).rejects.toMatchObject({ code: 'TOO_LARGE', next: 'Cut it.' });
  });
});

describe('watching a job', () => {
  const id: Bytes32 = `0x${'ab'.repeat(32)}`;
  const at = (state: JobProgress['state'], step = 0): JobProgress => ({ id, state, step, of: 3, reason: null });
  const watch = async (polls: (JobProgress | Error)[]) => {
    const seen: string[] = [];
    const poll = async () => {
      const next = polls.shift();
      if (next === undefined) throw new Error('the test has no more answers');
      if (next instanceof Error) throw next;
      return next;
    };
    // The server speaks no graphql-ws: polling alone must do.
    const progress = watchJob({
      apiUrl: network.apiUrl,
      id,
      signal: AbortSignal.timeout(50_000),
      token: async () => 't',
      poll,
    });
    for await (const { state, step } of progress) seen.push(`${state} ${step}`);
    return seen;
  };

  it('works by polling when no socket can be had, and never goes backwards', async () => {
    expect(await watch([at('training', 2), at('training', 1), at('settled', 3)])).toEqual(['training 2', 'settled 3']);
  });

  it('tells of rows that are being fetched, and never goes backwards', async () => {
    const fetching = (fetchedBytes: bigint) => ({ ...at('training'), fetchedBytes, toFetchBytes: 9n });
    const polls = [fetching(4n), fetching(5n), fetching(4n), at('settled', 3)];
    expect(await watch(polls)).toEqual(['training 0', 'training 0', 'settled 3']);
  });

  it('survives an API that is away for a while', async () => {
    const { unavailable } = await import('./http.js');
    expect(await watch([unavailable(network.apiUrl, undefined), at('refunded')])).toEqual(['refunded 0']);
  });

  it('ends with an error that is not of the connection', async () => {
    await expect(watch([new Error('no such job')])).rejects.toThrow('no such job');
  });
});
