import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openGet, putStream, withoutStall } from './provider-http.js';
import { readRange, WrongCopy } from './read-range.js';
import { sendPiece } from './send-piece.js';
import { asStorageError } from './storage-errors.js';

// Real: HTTP on this machine. Faked: the provider, which misbehaves.
let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
});

async function provider(handle: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<string> {
  server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const SESSION = '/pdp/piece/uploads/5f1d2a8e-6f53-4f0f-9d5a-0d4f6f0e8a11';
const BLOCK = new Uint8Array(1 << 20).fill(7);

async function* blocks(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield BLOCK;
}

/** A provider that opens a session and leaves the rest to the test. */
const opening =
  (put: (request: IncomingMessage, response: ServerResponse) => unknown) =>
  (request: IncomingMessage, response: ServerResponse): unknown => {
    if (request.method === 'PUT') return put(request, response);
    if (request.url === '/pdp/piece/uploads') return response.writeHead(201, { location: SESSION }).end();
    return response.writeHead(200).end();
  };

const outcome = async (url: string, source: AsyncIterable<Uint8Array> = blocks(20)): Promise<unknown> =>
  sendPiece(url, source, () => 'cid').then(
    () => 'sent',
    (error: unknown) => asStorageError(error),
  );

describe('a provider that is sent a piece', () => {
  it('gets every byte in order, and its name last', async () => {
    const seen: string[] = [];
    const url = await provider(async (request, response) => {
      let length = 0;
      for await (const part of request) length += (part as Uint8Array).length;
      seen.push(`${request.method} ${request.url} ${length}`);
      if (request.method === 'PUT') response.writeHead(204).end();
      else if (request.url === SESSION) response.writeHead(200).end();
      else response.writeHead(201, { location: SESSION }).end();
    });
    const progress: number[] = [];
    await sendPiece(
      url,
      blocks(3),
      () => 'cid',
      (sent) => progress.push(sent),
    );
    expect(seen).toEqual([`POST /pdp/piece/uploads 0`, `PUT ${SESSION} ${3 << 20}`, `POST ${SESSION} 18`]);
    expect(progress).toEqual([1 << 20, 2 << 20, 3 << 20]);
  });

  it('hears no more when the bytes cannot be read, and that is all that goes wrong', async () => {
    const url = await provider(opening(() => undefined));
    const unreadable = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error('the file is gone');
    };
    await expect(sendPiece(url, unreadable(), () => 'cid')).rejects.toThrow('the file is gone');
  });

  it('and is full says so at the end', async () => {
    const url = await provider(
      opening(async (request, response) => {
        for await (const _part of request);
        response.writeHead(507).end('507 Insufficient Storage');
      }),
    );
    expect(await outcome(url)).toMatchObject({ code: 'DISK_FULL' });
  });

  it('and refuses before the end is sent no more', async () => {
    let taken = 0;
    const source = (async function* () {
      for (;;) {
        taken++;
        yield BLOCK;
        await sleep(1);
      }
    })();
    const url = await provider(
      opening((request, response) => {
        request.resume();
        response.writeHead(413).end('too large');
      }),
    );
    expect(await outcome(url, source)).toMatchObject({ code: 'PROVIDER_DOWN', retryable: true });
    expect(taken).toBeLessThan(2_000);
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown]>([
    ['fails', (request, response) => request.resume().on('end', () => response.writeHead(500).end('x'.repeat(9_000)))],
    ['hangs up', (request) => request.once('data', () => request.socket.destroy())],
    ['hangs up at once', (request) => request.socket.destroy()],
  ])('and %s is down', async (_what, put) => {
    expect(await outcome(await provider(opening(put)))).toMatchObject({ code: 'PROVIDER_DOWN', retryable: true });
  });

  it('and reads another piece says so', async () => {
    const url = await provider((request, response) => {
      request.resume();
      if (request.url === SESSION && request.method === 'POST') response.writeHead(400).end('piece CID mismatch: x');
      else if (request.method === 'PUT') request.on('end', () => response.writeHead(204).end());
      else response.writeHead(201, { location: SESSION }).end();
    });
    expect(await outcome(url)).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('and would have the bytes elsewhere is not followed', async () => {
    let strayed = 0;
    const elsewhere = createServer((request, response) => {
      strayed++;
      request.resume().on('end', () => response.writeHead(204).end());
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => elsewhere.once('listening', resolve));
    const base = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    try {
      for (const location of [`${base}/x`, `${base}${SESSION}`, `//evil.example${SESSION}`, '/pdp/piece/uploads/x']) {
        const url = await provider((request, response) => {
          if (request.url === '/pdp/piece/uploads') response.writeHead(201, { location }).end();
          else request.resume().on('end', () => response.writeHead(404).end());
        });
        expect(await outcome(url)).toMatchObject({ code: 'PROVIDER_DOWN' });
        server?.close();
      }
      expect(strayed).toBe(0);
    } finally {
      elsewhere.close();
    }
  });

  it('and answers without end is not listened to', async () => {
    const url = await provider(
      opening((request, response) => {
        request.resume();
        response.writeHead(500);
        const timer = setInterval(() => response.write('x'.repeat(4096)), 1);
        response.once('close', () => clearInterval(timer));
      }),
    );
    expect(await outcome(url)).toMatchObject({ code: 'PROVIDER_DOWN' });
  });

  it('and takes nothing is given up', async () => {
    const url = await provider(() => undefined);
    await expect(putStream(new URL(url), blocks(200), () => undefined, 300)).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('a fault of the source comes through as it is', async () => {
    const url = await provider(opening((request) => request.resume()));
    const fault = new Error('the shard is gone');
    const source = (async function* () {
      yield BLOCK;
      throw fault;
    })();
    expect(await outcome(url, source)).toBe(fault);
  });
});

describe('a copy that is read', () => {
  const SIZE = 3_000_000;
  const bytes = Buffer.alloc(SIZE, 5);
  const read = async (url: string): Promise<number> => {
    let length = 0;
    for await (const block of readRange(url, 100, SIZE, SIZE)) length += block.length;
    return length;
  };
  const ranged = (response: ServerResponse, sizeBytes = SIZE): ServerResponse =>
    response.writeHead(206, { 'content-range': `bytes 100-${SIZE - 1}/${sizeBytes}` });

  it('comes whole', async () => {
    expect(await read(await provider((_request, response) => ranged(response).end(bytes.subarray(100))))).toBe(
      SIZE - 100,
    );
  });

  it('comes by the connection of the one before, and by a new one where that was closed meanwhile', async () => {
    const random = randomBytes(3 << 20);
    const url = await provider((request, response) => {
      const [from = 0, to = 0] = (request.headers.range ?? '').match(/\d+/g)?.map(Number) ?? [];
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${random.length}` });
      response.end(random.subarray(from, to + 1));
    });
    const sockets: Socket[] = [];
    server?.on('connection', (socket) => sockets.push(socket));
    const readPart = async (from: number, to: number): Promise<boolean> => {
      const parts: Uint8Array[] = [];
      for await (const block of readRange(url, from, to, random.length)) parts.push(Uint8Array.from(block));
      return Buffer.concat(parts).equals(random.subarray(from, to));
    };
    for (let from = 0; from < 10; from++) expect(await readPart(from * 200_000, from * 200_000 + 900_000)).toBe(true);
    expect(sockets).toHaveLength(1);
    // In the same breath: nobody has heard yet that it is closed.
    sockets[0]?.resetAndDestroy();
    expect(await readPart(0, random.length)).toBe(true);
    expect(sockets).toHaveLength(2);
  });

  // Memory is used again from read to read: what is not taken at once must not change.
  it('comes as it is where the connection is read before the parser goes on', async () => {
    const random = randomBytes(8 << 20);
    const url = await provider((_request, response) => void response.writeHead(200).end(random));
    const body = await openGet(url, {}, 10_000, undefined);
    while (body.socket.readableLength === 0) {
      body.socket.pause();
      body.socket.read(0);
      await sleep(5);
    }
    await sleep(100);
    const waitingBytes = body.socket.readableLength;
    const parts: Uint8Array[] = [];
    for await (const part of withoutStall(body, 10_000)) parts.push(Uint8Array.from(part));
    expect(Buffer.concat(parts).equals(random)).toBe(true);
    expect(waitingBytes).toBeLessThan(random.length / 2);
  });

  it.each([0, 5])('comes as it is, read by one who rests %i ms at each block', async (restMs) => {
    const random = randomBytes(8 << 20);
    const url = await provider((request, response) => {
      const [from = 0, to = 0] = (request.headers.range ?? '').match(/\d+/g)?.map(Number) ?? [];
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${random.length}` });
      response.end(random.subarray(from, to + 1));
    });
    const readPart = async (from: number): Promise<boolean> => {
      const parts: Uint8Array[] = [];
      for await (const block of readRange(url, from, random.length, random.length)) {
        if (restMs > 0) await sleep(restMs);
        parts.push(Uint8Array.from(block));
      }
      return Buffer.concat(parts).equals(random.subarray(from));
    };
    expect(await Promise.all([0, 12_345, 1 << 20].map(readPart))).toEqual([true, true, true]);
  });

  it('gives out what came before it broke off', async () => {
    const url = await provider((_request, response) => {
      ranged(response).write(bytes.subarray(0, 1_500_000), () => setTimeout(() => response.destroy(), 200));
    });
    let length = 0;
    const reading = (async () => {
      for await (const block of readRange(url, 100, SIZE, SIZE)) length += block.length;
    })();
    await expect(reading).rejects.toThrow();
    expect(length).toBe(1_500_000);
  });

  it('that stalls, or does not begin, is left', async () => {
    const slow = { name: 'TimeoutError' };
    const url = await provider((request, response) => {
      if (request.url === '/begins') ranged(response).write(bytes.subarray(0, 1000));
    });
    const begun = await openGet(`${url}begins`, {}, 10_000, undefined);
    const stalled = (async () => {
      for await (const _part of withoutStall(begun, 300));
    })();
    await expect(stalled).rejects.toMatchObject(slow);
    await expect(openGet(url, {}, 300, undefined)).rejects.toMatchObject(slow);
  });

  it.each<[string, 'fails' | 'is another', (response: ServerResponse) => unknown]>([
    ['that ends early', 'fails', (response) => ranged(response).end(bytes.subarray(500))],
    ['that goes on', 'is another', (response) => ranged(response).end(Buffer.concat([bytes, bytes]))],
    ['of another size', 'is another', (response) => ranged(response, SIZE + 1).end(bytes)],
    ['that is whole where a part was asked for', 'fails', (response) => response.writeHead(200).end(bytes)],
    ['that is elsewhere', 'fails', (response) => response.writeHead(302, { location: '/' }).end()],
    ['whose provider answers 500', 'fails', (response) => response.writeHead(500).end()],
  ])('%s %s', async (_what, outcome, answer) => {
    const url = await provider((_request, response) => answer(response));
    const fault: unknown = await read(url).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Error);
    // Who only fails is asked again; a copy that is another one is asked after all others.
    expect(fault instanceof WrongCopy ? 'is another' : 'fails').toBe(outcome);
  });
});
