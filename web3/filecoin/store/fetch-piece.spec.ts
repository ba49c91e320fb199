import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PieceHasher } from '../commp.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import { fetchVerified } from './fetch-piece.js';
import { hashHere } from './file-hash.js';

// Real: HTTP, the disk, piece CIDs. Faked: the providers, which break off where a test says so.
const SIZE = 9_000_000;
const bytes = randomBytes(SIZE);
let piece: PieceCid;
let dir: string;
const servers: Server[] = [];

beforeEach(async () => {
  const parsed = parsePieceCid(new PieceHasher().write(bytes).digest());
  if (parsed === undefined) throw new Error('no piece CID');
  piece = parsed;
  dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-fetch-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(dir, { recursive: true });
});

/** A copy that gives `atMost` bytes a connection, for so many connections. */
async function copy(atMost = Infinity, connections = Infinity): Promise<{ url: string; from: number[]; sent: number }> {
  const seen = { url: '', from: [] as number[], sent: 0 };
  const server = createServer((request, response) => {
    const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).map(Number);
    seen.from.push(from);
    if (seen.from.length > connections) return void response.destroy();
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${SIZE}` });
    const body = bytes.subarray(from, Math.min(to + 1, from + atMost));
    seen.sent += body.length;
    if (from + body.length === to + 1) return void response.end(body);
    // Long enough for the bytes to arrive before the connection is gone.
    response.write(body, () => setTimeout(() => response.destroy(), 300));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  seen.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/piece`;
  return seen;
}

async function fetched(urls: string[], onProgress?: (fetchedBytes: number) => void): Promise<Buffer> {
  const name = path.join(dir, 'piece');
  const file = await open(name, 'wx+');
  try {
    await fetchVerified({ piece, file, hashing: hashHere, suspects: new Set(), signal: undefined, onProgress }, urls);
    return await readFile(name);
  } finally {
    await file.close();
  }
}

describe('a piece that is fetched', () => {
  it('goes on at the byte where the connection broke off, as often as it does', async () => {
    const only = await copy(2_500_000);
    const heard: number[] = [];
    expect((await fetched([only.url], (n) => heard.push(n))).equals(bytes)).toBe(true);
    expect(heard.at(-1)).toBe(SIZE);
    expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b));
    // Each byte came once: nothing was asked for again.
    expect(only.sent).toBe(SIZE);
    expect(only.from).toContain(2_500_000);
  });

  it('goes on at that byte with another copy', async () => {
    const broken = await copy(1_500_000, 1);
    const whole = await copy();
    expect((await fetched([broken.url, whole.url])).equals(bytes)).toBe(true);
    expect(broken.sent).toBe(1_500_000);
    expect(whole.from.some((from) => from % (4 << 20) === 1_500_000)).toBe(true);
    expect(broken.sent + whole.sent).toBe(SIZE);
  });

  it('is given up when no copy gives any more', async () => {
    const dead = await copy(1_500_000, 1);
    await expect(fetched([dead.url])).rejects.toMatchObject({ code: 'PROVIDER_DOWN', retryable: true });
  });
});
