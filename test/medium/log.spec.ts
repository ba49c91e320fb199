// Real: PostgreSQL, the log process (killed with SIGKILL), anvil with LogAnchor. Faked: nothing but who signed the entries
// of the load tests, which the log does not judge. Without witnesses: those are in log-witnesses.spec.ts. Those over HTTP share
// one log, in their order.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { concatBytes, utf8 } from '../../src/kernel/index.js';
import { FIRST_POSITION, sealRecord, trainingRefusedRecord, type LogClient } from '../../src/provenance/index.js';
import { PgBatchWriter } from '../../src/provenance/log/batch-writer.js';
import { nodeHasher } from '../../src/provenance/log/node-hasher.js';
import { migrate } from '../../src/provenance/log/schema.js';
import { decodeBundle } from '../../src/provenance/tiles/bundle.js';
import { freePort } from '../../web3/devnet/service.js';
import { startCommitProxy } from '../support/commit-proxy.js';
import { appendAll, leafOf, query, someEntries, startLogNet, wholeLog, type LogNet } from '../support/log-net.js';
import type { LogProcess, TestLog } from '../support/log-process.js';
import { market, parties, provenanceStory } from '../support/provenance-story.js';

const patient = { timeout: 30_000 };
let net: LogNet;
beforeAll(async () => {
  net = await startLogNet();
});
afterAll(async () => net?.stop());

describe('the log process', () => {
  it('loses no acknowledged entry to kill -9 under load, and answers a repeat with the first index', async () => {
    const { log, databaseUrl } = await net.newLog();
    const port = await freePort();
    const entries = await someEntries('kill', 1000);
    let process = await log.start(databaseUrl, { port });
    let acknowledged = 0;
    // Its callers go on through the restart: the same address, a few attempts each.
    const { client } = process;
    const counted: LogClient = {
      ...client,
      append: async (entry) => {
        const answer = await client.append(entry);
        acknowledged++;
        return answer;
      },
    };
    const appending = appendAll(counted, entries);
    await vi.waitUntil(() => acknowledged >= 200, { timeout: 120_000, interval: 2 });
    process.kill('SIGKILL');
    await process.exited;
    expect(acknowledged).toBeLessThan(1000);
    process = await log.start(databaseUrl, { port });
    const answers = await appending;

    const all = await wholeLog(process.client, log);
    expect(all).toHaveLength(1000);
    answers.forEach(({ index, leafHash }, i) => {
      expect(leafHash).toBe(leafOf(entries[i]));
      expect(leafOf(all[index])).toBe(leafHash);
    });
    expect(await appendAll(process.client, entries.slice(0, 300))).toEqual(answers.slice(0, 300));
    await process.stop();
  }, 300_000);

  it('sequences in one process; a second waits, and takes over when the first is gone', async () => {
    const { log, databaseUrl } = await net.newLog();
    const first = await log.start(databaseUrl);
    const second = await log.start(databaseUrl, { ready: false });
    const entries = await someEntries('two', 40);
    const answers = await appendAll(first.client, entries.slice(0, 20));
    const refused = await fetch(`${second.url}/add`, {
      method: 'POST',
      headers: { authorization: `Bearer ${log.token}` },
      body: new Uint8Array(entries[0] as Uint8Array),
    });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await fetch(`${second.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${second.url}/checkpoint`)).status).toBe(503);
    first.kill('SIGKILL');
    await first.exited;
    // Its client tries again until the second is active.
    expect(await appendAll(second.client, entries.slice(0, 20))).toEqual(answers);
    await appendAll(second.client, entries.slice(20));
    expect(await wholeLog(second.client, log)).toHaveLength(40);
    await second.stop();
  });

  it('takes a COMMIT that was lost, and one that was done without an answer, for what they are', async () => {
    const { log, databaseUrl } = await net.newLog();
    const proxy = await startCommitProxy(net.postgresPort);
    const process = await log.start(databaseUrl.replace(`:${net.postgresPort}/`, `:${proxy.port}/`));
    const entries = await someEntries('commit', 6);
    const rowsOf = async () => (await query<{ idx: string }>(databaseUrl, 'SELECT idx FROM tlog.entries')).length;
    for (const [i, entry] of entries.entries()) {
      proxy.next = i % 2 === 0 ? 'lost' : 'persisted';
      // One attempt: the caller learns that it does not know.
      const once = await fetch(`${process.url}/add`, {
        method: 'POST',
        headers: { authorization: `Bearer ${log.token}` },
        body: new Uint8Array(entry),
      });
      expect(once.status).toBe(503);
      expect(await once.json()).toMatchObject({ error: { code: 'LOG_UNAVAILABLE' } });
      expect(proxy.next).toBeUndefined();
      expect(await rowsOf()).toBe(i % 2 === 0 ? i : i + 1);
      expect((await process.client.append(entry)).index).toBe(i);
    }
    expect(await wholeLog(process.client, log)).toEqual(entries);
    await process.stop();
    await proxy.stop();
  });
});

describe('the fence', () => {
  it('refuses a batch that is committed before the one before it, and lets them commit in order', async () => {
    const { log, databaseUrl } = await net.newLog();
    const clients = [1, 2].map(() => new Client({ connectionString: databaseUrl }));
    for (const client of clients) {
      await client.connect();
      await migrate(client);
    }
    await query(databaseUrl, `INSERT INTO tlog.log_state (origin, size) VALUES ('${log.origin}', 0)`);
    const [a, b] = clients.map((client) => new PgBatchWriter(client)) as [PgBatchWriter, PgBatchWriter];
    const batch = (from: number, text: string) => ({
      from,
      entries: [{ data: utf8(text), leafHash: nodeHasher.leaf(utf8(text)) }],
      fullTiles: [],
      note: 'a checkpoint',
    });
    // The trap: both are staged, and the second's fence looks before the first's COMMIT.
    const early = [await a.stage(batch(0, 'first')), await b.stage(batch(1, 'second'))] as const;
    await expect(early[1].commit()).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await early[0].commit();
    // In order, with the COPYs overlapped, both go through.
    const [second, third] = [await b.stage(batch(1, 'second')), await a.stage(batch(2, 'third'))];
    await second.commit();
    await third.commit();
    expect(await query(databaseUrl, 'SELECT size FROM tlog.log_state')).toEqual([{ size: '3' }]);
    for (const client of clients) await client.end();
  });
});

describe('over HTTP', () => {
  let log: TestLog;
  let process: LogProcess;
  beforeAll(async () => {
    const made = await net.newLog();
    ({ log } = made);
    process = await log.start(made.databaseUrl, { env: { LOG_CHECKPOINT_MS: '200' } });
  });
  afterAll(async () => process?.stop());

  it.each([
    ['GET', 'add', 404],
    ['POST', 'checkpoint', 404],
    ['PUT', 'tile/0/000', 404],
    ['GET', 'tile/0/000.p/1', 404],
    ['GET', 'tile/64/000', 404],
    ['GET', 'tile/entries/x000/000', 404],
    ['GET', 'nothing', 404],
    ['HEAD', 'checkpoint', 200],
    ['GET', 'checkpoint.json', 200],
  ])('answers %s %s with %i while it is empty', async (method, path, status) => {
    expect((await fetch(`${process.url}/${path}`, { method })).status).toBe(status);
  });

  it('shows a checkpoint of no entries', async () => {
    const empty = await fetch(`${process.url}/checkpoint`);
    expect(empty.headers.get('content-type')).toMatch(/^text\/plain/);
    expect((await empty.text()).split('\n')[1]).toBe('0');
  });

  it('takes entries of its own form from those with the token, and says why not', async () => {
    const story = await provenanceStory();
    const record = trainingRefusedRecord(market, {
      order: story.order,
      reason: 'out-of-time',
      position: FIRST_POSITION,
      refusedAt: new Date(0),
    });
    const entry = await sealRecord({ ...record, signer: parties.operator });
    const add = async (body: Uint8Array | string, authorization = `Bearer ${log.token}`) => {
      const data = typeof body === 'string' ? body : new Uint8Array(body);
      const response = await fetch(`${process.url}/add`, { method: 'POST', headers: { authorization }, body: data });
      return { status: response.status, body: (await response.json()) as { error?: { code: string }; index?: number } };
    };
    expect(await add(entry, 'Bearer wrong')).toMatchObject({
      status: 401,
      body: { error: { code: 'UNAUTHENTICATED' } },
    });
    expect(await add(entry, '')).toMatchObject({ status: 401 });
    expect(await add('')).toMatchObject({ status: 400, body: { error: { code: 'BAD_INPUT' } } });
    expect(await add('hello')).toMatchObject({ status: 400 });
    expect(await add(concatBytes(entry, utf8(' ')))).toMatchObject({ status: 400 });
    expect(await add(new Uint8Array(70_000))).toMatchObject({ status: 413 });
    expect(await add(entry)).toMatchObject({ status: 200, body: { index: 0 } });
    expect(await add(entry)).toMatchObject({ status: 200, body: { index: 0 } });
    expect((await process.client.checkpoint()).size).toBe(1);
    await expect(process.client.append(utf8('x'))).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('answers many callers with one entry with one index', async () => {
    const { size } = await process.client.checkpoint();
    const [entry] = (await someEntries('same', 1)) as [Uint8Array];
    const answers = await Promise.all(Array.from({ length: 50 }, async () => process.client.append(entry)));
    expect(new Set(answers.map((a) => a.index))).toEqual(new Set([size]));
    expect((await process.client.checkpoint()).size).toBe(size + 1);
  });

  it('serves C2SP paths as they are specified', async () => {
    const { size } = await process.client.checkpoint();
    await appendAll(process.client, await someEntries('tiles', 600 - size));
    const all = await wholeLog(process.client, log);
    const hashes = all.map((entry) => nodeHasher.leaf(entry));

    const get = async (tile: string) => fetch(`${process.url}/${tile}`);
    const bytes = async (tile: string) => new Uint8Array(await (await get(tile)).arrayBuffer());
    expect(await bytes('tile/0/001')).toEqual(concatBytes(...hashes.slice(256, 512)));
    for (const width of [1, 2, 87, 88]) {
      expect(await bytes(`tile/0/002.p/${width}`)).toEqual(concatBytes(...hashes.slice(512, 512 + width)));
      const bundle = await bytes(`tile/entries/002.p/${width}`);
      expect(decodeBundle(bundle, width)).toEqual(all.slice(512, 512 + width));
    }
    // Partial tiles of older checkpoints stay.
    expect(await bytes('tile/0/000.p/7')).toEqual(concatBytes(...hashes.slice(0, 7)));
    expect(await bytes('tile/1/000.p/1')).toHaveLength(32);
    const full = await get('tile/entries/000');
    expect(full.headers.get('cache-control')).toContain('immutable');
    expect(full.headers.get('content-type')).toBe('application/octet-stream');
    expect((await get('checkpoint')).headers.get('cache-control')).toBe('no-cache');
    const encoding = async (tile: string, accept: string) =>
      (await fetch(`${process.url}/${tile}`, { headers: { 'accept-encoding': accept } })).headers.get(
        'content-encoding',
      );
    expect(await encoding('tile/entries/000', 'br, gzip;q=0.5')).toBe('gzip');
    expect(await encoding('tile/entries/000', 'identity')).toBeNull();
    expect(await encoding('tile/entries/000', 'gzip;q=0')).toBeNull();
    expect(await encoding('tile/0/000', 'gzip')).toBeNull();
    expect(full.headers.get('vary')).toBe('accept-encoding');
    for (const none of [
      'tile/0/002',
      'tile/0/002.p/89',
      'tile/0/003.p/1',
      'tile/1/000',
      'tile/2/000.p/1',
      'tile/0/0',
      'tile/x/000',
      'tile/entries/..%2f000',
      'tile/0/000.p/0',
    ]) {
      expect((await get(none)).status, none).toBe(404);
    }
    expect(await (await get('metrics')).text()).toContain('tlog_size 600');

    // The same tree as files, and full tiles come from there: a byte changed on disk is what the log then serves.
    const file = (name: string) => path.join(log.tilesDir, name);
    await expect
      .poll(() => existsSync(file('checkpoint')) && readFileSync(file('checkpoint'), 'utf8'), patient)
      .toBe(await (await get('checkpoint')).text());
    const fromFiles = {
      checkpoint: process.client.checkpoint,
      tile: async (name: string) => new Uint8Array(readFileSync(file(name))),
    };
    expect(await wholeLog(fromFiles, log)).toEqual(all);
    writeFileSync(file('tile/0/001'), 'changed');
    expect(await (await get('tile/0/001')).text()).toBe('changed');
    rmSync(file('tile'), { recursive: true });
    expect(await bytes('tile/0/001')).toEqual(concatBytes(...hashes.slice(256, 512)));
  });

  it('pushes back when too many wait, and finishes what it took when told to stop', async () => {
    const made = await net.newLog();
    const busy = await made.log.start(made.databaseUrl, {
      env: { LOG_MAX_QUEUE: '4', LOG_MAX_BATCH: '2', LOG_WINDOW_MS: '300' },
    });
    const headers = { authorization: `Bearer ${made.log.token}` };
    const add = async (entry: Uint8Array): Promise<number> =>
      fetch(`${busy.url}/add`, { method: 'POST', headers, body: new Uint8Array(entry) }).then(
        (response) => response.status,
        () => 0, // it no longer listened
      );
    const statuses = await Promise.all((await someEntries('push', 60)).map(add));
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    const accepted = statuses.filter((status) => status === 200).length;
    expect((await busy.client.checkpoint()).size).toBe(accepted);

    const appending = Promise.all((await someEntries('stop', 60)).map(add));
    await sleep(100);
    await busy.stop();
    expect(await busy.exited).toBe(0);
    const answered = accepted + (await appending).filter((status) => status === 200).length;
    expect(await query(made.databaseUrl, 'SELECT count(*)::int AS n FROM tlog.entries')).toEqual([{ n: answered }]);
  });
});
