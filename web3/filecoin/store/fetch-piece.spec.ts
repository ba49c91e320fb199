import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
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
const RANGE_BYTES = 4 << 20;
const slow = new Set<string>();
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
async function copy(
  atMost = Infinity,
  connections = Infinity,
  ready?: (from: number) => Promise<unknown>,
): Promise<{ url: string; from: number[]; sent: number }> {
  const seen = { url: '', from: [] as number[], sent: 0 };
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).map(Number);
    seen.from.push(from);
    await ready?.(from);
    if (seen.from.length > connections) return void response.destroy();
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${SIZE}` });
    const body = bytes.subarray(from, Math.min(to + 1, from + atMost));
    seen.sent += body.length;
    if (from + body.length === to + 1) return void response.end(body);
    // Long enough for the bytes to arrive before the connection is gone.
    response.write(body, () => setTimeout(() => response.destroy(), 300));
  };
  seen.url = await listening(server);
  return seen;
}

/** A copy that gives a kilobyte now and then, and so never stalls. */
async function trickle(): Promise<{ url: string; from: number[] }> {
  const seen = { url: '', from: [] as number[] };
  const server = createServer((request, response) => {
    const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).map(Number);
    seen.from.push(from);
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${SIZE}` });
    let at = from;
    const timer = setInterval(() => response.write(bytes.subarray(at, (at += 1_000))), 50);
    response.once('close', () => clearInterval(timer));
  });
  seen.url = await listening(server);
  return seen;
}

async function listening(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'));
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/piece/it`;
}

async function fetched(urls: string[], onProgress?: (fetchedBytes: number) => void): Promise<Buffer> {
  const name = path.join(dir, 'piece');
  const file = await open(name, 'w+');
  try {
    const target = { piece, file, hashing: hashHere, suspects: new Set<string>(), slow, signal: undefined, onProgress };
    await fetchVerified(target, urls);
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

  it('comes from every copy at once, in parts that are much alike', async () => {
    const asked = new Set<number>();
    const answers: (() => void)[] = [];
    // Nobody is answered before all of the piece is asked for.
    const all = async (from: number): Promise<void> => {
      if (asked.add(from).size === Math.ceil(SIZE / RANGE_BYTES)) for (const answer of answers.splice(0)) answer();
      else await new Promise<void>((resolve) => answers.push(resolve));
    };
    const [one, other] = [await copy(Infinity, Infinity, all), await copy(Infinity, Infinity, all)];
    expect((await fetched([one.url, other.url])).equals(bytes)).toBe(true);
    expect(one.sent + other.sent).toBe(SIZE);
    expect(Math.min(one.sent, other.sent)).toBeGreaterThanOrEqual(RANGE_BYTES);
  });

  it('is not held up by a copy that trickles, and the next piece is begun at the other', async () => {
    const [late, good] = [await trickle(), await copy()];
    expect((await fetched([late.url, good.url])).equals(bytes)).toBe(true);
    expect(late.from.length).toBeGreaterThan(0);
    // What had come of its ranges came once, in the end from the other copy.
    expect(good.sent).toBeGreaterThan(SIZE * 0.9);
    expect(good.sent).toBeLessThan(SIZE);
    const before = late.from.length;
    expect((await fetched([late.url, good.url])).equals(bytes)).toBe(true);
    expect(good.from.slice(-3).toSorted((a, b) => a - b)).toContain(0);
    expect(late.from.slice(before)).not.toContain(0);
  }, 30_000);

  it('is given up when no copy gives any more', async () => {
    const dead = await copy(1_500_000, 1);
    await expect(fetched([dead.url])).rejects.toMatchObject({ code: 'PROVIDER_DOWN', retryable: true });
  });
});
