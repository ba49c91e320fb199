import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Service } from '../../web3/devnet/service.js';

export interface TamperingProxy extends Service {
  url: string;
  /** Changes the JSON answer to a GET of this path; undefined passes everything on unchanged. */
  tamper: ((path: string, answer: unknown) => unknown) | undefined;
}

/** Stands between a client and an HTTP service, as a hostile node would. */
export async function startTamperingProxy(target: string): Promise<TamperingProxy> {
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/', headers } = request;
    const body = method === 'GET' ? null : await buffer(request);
    const contentType = headers['content-type'] ?? 'text/plain';
    const answer = await fetch(`${target}${url}`, { method, body, headers: { 'content-type': contentType } });
    const text = await answer.text();
    const changed = method === 'GET' ? proxy.tamper?.(url, JSON.parse(text)) : undefined;
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(changed === undefined ? text : JSON.stringify(changed));
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: TamperingProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tamper: undefined,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
