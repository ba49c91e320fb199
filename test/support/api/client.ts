import { createClient, type Client } from 'graphql-ws';
import type { LocalAccount } from 'viem';
import { createSiweMessage, type CreateSiweMessageParameters } from 'viem/siwe';
import { WebSocket } from 'ws';
import type { Network } from '../../../src/kernel/index.js';

/** As much of an API as a client knows. */
export interface ApiAddress {
  url: string;
  network: Network;
}

export interface Answer {
  status: number;
  data: Record<string, never> | null;
  errors: { message: string; path?: string[]; extensions: { code: string; next: string; details: object } }[];
}

/** One GraphQL request over HTTP, as any client would make it. */
export async function ask(api: ApiAddress, query: string, variables: object = {}, token?: string): Promise<Answer> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(token) },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as Partial<Answer>;
  return { status: response.status, data: body.data ?? null, errors: body.errors ?? [] };
}

/** What one field answers. @throws Error with the code, if it failed */
export async function get<T>(
  api: ApiAddress,
  field: string,
  query: string,
  variables = {},
  token?: string,
): Promise<T> {
  const { data, errors } = await ask(api, query, variables, token);
  if (errors.length > 0) throw new Error(`${errors[0]?.extensions.code}: ${errors[0]?.message}`);
  return data?.[field] as T;
}

/** The code of the first error; undefined if there is none. */
export async function codeOf(answer: Promise<Answer>): Promise<string | undefined> {
  return (await answer).errors[0]?.extensions.code;
}

export function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

export async function siweMessage(
  api: ApiAddress,
  account: LocalAccount,
  change: Partial<CreateSiweMessageParameters> = {},
): Promise<string> {
  return createSiweMessage({
    address: account.address,
    chainId: api.network.chainId,
    domain: new URL(api.url).host,
    uri: api.url,
    version: '1',
    nonce: await get<string>(api, 'createNonce', 'mutation { createNonce }'),
    issuedAt: new Date(),
    ...change,
  });
}

const SIGN_IN =
  'mutation ($message: String!, $signature: String!) { signIn(message: $message, signature: $signature) { token } }';

export async function askSignIn(api: ApiAddress, message: string, account: LocalAccount): Promise<Answer> {
  return ask(api, SIGN_IN, { message, signature: await account.signMessage({ message }) });
}

/** A session's token. */
export async function signIn(api: ApiAddress, account: LocalAccount): Promise<string> {
  const { data, errors } = await askSignIn(api, await siweMessage(api, account), account);
  if (errors.length > 0) throw new Error(`sign-in: ${errors[0]?.message}`);
  return (data as unknown as { signIn: { token: string } }).signIn.token;
}

export function webSocketClient(api: ApiAddress, token?: string): Client {
  return createClient({
    url: `${api.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: bearer(token),
    retryAttempts: 0,
    lazy: true,
  });
}
