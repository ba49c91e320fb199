import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../kernel/index.js';
import { createHttpLogClient } from './http-log-client.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

const appended = JSON.stringify({ index: 7, leafHash: 'ab'.repeat(32) });

describe('the log over HTTP', () => {
  it('tries an append again while the log pushes back or breaks off, and answers its index', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests++;
      expect(request.headers.authorization).toBe('Bearer token');
      if (requests === 1)
        return void response.writeHead(503).end('{"error":{"code":"LOG_UNAVAILABLE","message":"full"}}');
      if (requests === 2) return void response.destroy();
      return void response.end(appended);
    });
    expect(await createHttpLogClient({ url, token: 'token' }).append(utf8('x'))).toEqual({
      index: 7,
      leafHash: 'ab'.repeat(32),
    });
    expect(requests).toBe(3);
  });

  it('asks for tiles as they are if it is told that it stands beside the log', async () => {
    const asked: (string | string[] | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.headers['accept-encoding']);
      response.end('tile');
    });
    for (const compressed of [true, false]) await createHttpLogClient({ url, compressed }).tile('tile/0/000');
    expect(asked).toEqual([expect.stringContaining('gzip'), 'identity']);
  });

  it('gives up after its attempts, and never retries what cannot get better', async () => {
    let requests = 0;
    let status = 503;
    const url = await serve((_request, response) => {
      requests++;
      response.writeHead(status).end('{"error":{"code":"BAD_INPUT","message":"not a log entry"}}');
    });
    const client = createHttpLogClient({ url, attempts: 2 });
    await expect(client.append(utf8('x'))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE', retryable: true });
    expect(requests).toBe(2);
    for (const [code, expected] of [
      [400, 'BAD_INPUT'],
      [413, 'BAD_INPUT'],
      [401, 'UNAUTHENTICATED'],
      [404, 'LOG_UNAVAILABLE'],
    ] as const) {
      [requests, status] = [0, code];
      await expect(client.append(utf8('x'))).rejects.toMatchObject({ code: expected });
      expect(requests).toBe(1);
    }
  });

  it('refuses what no log answers, an endless answer, and one that never comes', async () => {
    let answer: 'wrong' | 'endless' | 'silent' = 'wrong';
    const url = await serve((_request, response) => {
      if (answer === 'wrong') response.end('{"index":-1}');
      if (answer === 'endless') {
        const chunk = Buffer.alloc(1 << 20);
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      }
    });
    const client = createHttpLogClient({ url, attempts: 1, timeoutMs: 5_000 });
    await expect(client.append(utf8('x'))).rejects.toThrow(/not what a log answers/);
    answer = 'endless';
    await expect(client.tile('tile/0/000')).rejects.toThrow(/too long/);
    answer = 'silent';
    const hasty = createHttpLogClient({ url, attempts: 1, timeoutMs: 50 });
    await expect(hasty.checkpoint()).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  it('says that nobody is there', async () => {
    const client = createHttpLogClient({ url: 'http://127.0.0.1:1', attempts: 2 });
    await expect(client.checkpoint()).rejects.toThrow(/cannot be reached/);
  });
});
