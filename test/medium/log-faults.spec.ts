// Real: PostgreSQL (killed with SIGKILL, too), log processes (killed likewise), a full file system, anvil with LogAnchor. Faked:
// who signed the entries, which the log does not judge; a wire that goes silent, and a clock that is set back in the process.
// LOG_KILLS=200 for as many kills as the owners ask.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sameBytes } from '../../src/kernel/index.js';
import { headOf, VerifiedTree, verifyCheckpoint, type Appended, type LogClient } from '../../src/provenance/index.js';
import { Connections } from '../../src/provenance/log/connections.js';
import { nodeHasher } from '../../src/provenance/log/node-hasher.js';
import { startPostgres } from '../../web3/devnet/postgres.js';
import { freePort } from '../../web3/devnet/service.js';
import { startCommitProxy } from '../support/commit-proxy.js';
import { killPostgres } from '../support/kill-postgres.js';
import { appendAll, leafOf, query, someEntries, startLogNet, wholeLog, type LogNet } from '../support/log-net.js';
import { wellFormedEntry, type LogProcess, type TestLog } from '../support/log-process.js';
import { startTestPostgres } from '../support/postgres.js';

const KILLS = Number(process.env.LOG_KILLS ?? 4);
const ENTRIES_A_KILL = 60;
vi.setConfig({ testTimeout: 240_000 });
let net: LogNet;
beforeAll(async () => {
  net = await startLogNet();
});
afterAll(async () => net?.stop());

/** Every checkpoint that anybody could have seen: served ones, and all that the database has signed or published. */
async function everyNote(databaseUrl: string, served: Set<string>): Promise<string[]> {
  const stored = await query<{ note: string }>(
    databaseUrl,
    'SELECT note FROM tlog.checkpoints UNION SELECT note FROM tlog.published',
  );
  return [...served, ...stored.map(({ note }) => note)];
}

/** That each is signed by the log, and is the tree of the first so many entries of the newest. */
async function assertOneHistory(client: LogClient, { origin, vkey }: TestLog, notes: string[]): Promise<void> {
  const tree = await VerifiedTree.open((name) => client.tile(name), headOf(await client.checkpoint()), nodeHasher);
  const trust = { log: { origin, vkeys: [{ vkey, fromSize: 0 }] }, witnesses: { quorum: 0, vkeys: [] } };
  for (const note of notes) {
    const { size, root } = verifyCheckpoint(note, trust, true);
    if (size > 0 && !sameBytes(await tree.rangeHash(0, size), root)) expect.unreachable(`another history: ${note}`);
  }
}

/** That each answer was true, and no entry is there twice. */
function assertAllOnce(all: Uint8Array[], entries: Uint8Array[], answers: Appended[]): void {
  const leaves = all.map(leafOf);
  expect(new Set(leaves).size).toBe(leaves.length);
  answers.forEach(({ index }, i) => expect(leaves[index]).toBe(leafOf(entries[i])));
  expect(answers).toHaveLength(entries.length);
}

describe('a sequencer that is killed', () => {
  it(`at ${KILLS} random moments under load keeps every acknowledged entry, once, and one history`, async () => {
    const { log, databaseUrl } = await net.newLog();
    const port = await freePort();
    const served = new Set<string>();
    const entries = await someEntries('kill', KILLS * ENTRIES_A_KILL);
    let process = await log.start(databaseUrl, { port });
    const { client } = process;
    let acknowledged = 0;
    let more = 0;
    // Callers go on through every restart; each round gives them some more entries.
    const answers: Promise<Appended>[] = [];
    const give = (): void => {
      for (const entry of entries.slice(more, (more += ENTRIES_A_KILL))) {
        answers.push(appendForever(client, entry).finally(() => acknowledged++));
      }
    };
    for (let kill = 0; kill < KILLS; kill++) {
      give();
      await sleep(Math.random() * 60);
      const note = await fetch(`${process.url}/checkpoint`).then(
        async (response) => response.text(),
        () => '',
      );
      if (note.startsWith(log.origin)) served.add(note);
      process.kill('SIGKILL');
      await process.exited;
      process = await log.start(databaseUrl, { port });
    }
    const places = await Promise.all(answers);
    expect(acknowledged).toBe(entries.length);
    const all = await wholeLog(process.client, log);
    assertAllOnce(all, entries, places);
    expect(await appendAll(process.client, entries.slice(0, 100))).toEqual(places.slice(0, 100));
    await assertOneHistory(process.client, log, await everyNote(databaseUrl, served));
    await process.stop();
  }, 3_600_000);
});

describe('PostgreSQL', () => {
  it('cuts every connection, goes away, comes back and is killed under load: what was acknowledged is there, once', async () => {
    const { log } = await net.newLog();
    const own = path.join(net.dir, 'pg-killed');
    const port = await freePort();
    const database = await startTestPostgres(own, port);
    await query(database.url('postgres'), 'CREATE DATABASE log');
    const process = await log.start(database.url('log'));
    const load = endlessLoad(process.client, 20);
    const more = async (): Promise<void> => {
      const before = load.answers.length;
      await vi.waitUntil(() => load.answers.length >= before + 100, { timeout: 120_000, interval: 5 });
    };
    await more();
    const others = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()';
    await query(database.url('postgres'), others);
    await database.stop();
    expect((await fetch(`${process.url}/healthz`)).status).toBe(200);
    await startPostgres(own, port);
    await more();
    await killPostgres(own);
    await startPostgres(own, port);
    const { entries, answers } = await load.stop();
    const all = await wholeLog(process.client, log);
    assertAllOnce(all, entries, answers);
    expect(await appendAll(process.client, entries.slice(0, 100))).toEqual(answers.slice(0, 100));
    await assertOneHistory(process.client, log, await everyNote(database.url('log'), new Set()));
    await process.stop();
    await database.stop();
  }, 600_000);

  it('that goes silent is left behind in bounded time', async () => {
    const { databaseUrl } = await net.newLog();
    const proxy = await startCommitProxy(net.postgresPort);
    const connections = new Connections(databaseUrl.replace(`:${net.postgresPort}/`, `:${proxy.port}/`));
    await connections.lock(new AbortController().signal);
    await connections.writers(2);
    await connections.pool.query('SELECT');
    proxy.silent = true;
    await connections.close();
    proxy.silent = false;
    await proxy.stop();
  });
});

describe('a clock that is set back', () => {
  it('by an hour stops neither appends nor checkpoints', async () => {
    const { log, databaseUrl } = await net.newLog();
    const clock = path.join(import.meta.dirname, '../support/clock-set-back.mjs');
    const process = await log.start(databaseUrl, { env: { NODE_OPTIONS: `--import=${clock}` } });
    const entries = await someEntries('clock', 60);
    const before = await appendAll(process.client, entries.slice(0, 30));
    process.kill('SIGUSR2');
    await expect.poll(() => readFileSync(log.logFile, 'utf8'), { timeout: 60_000 }).toContain('clock set back');
    const after = await appendAll(process.client, entries.slice(30));
    // By itself: nobody asks for a fresh one.
    const shown = async () => (await (await fetch(`${process.url}/checkpoint`)).text()).split('\n')[1];
    await expect.poll(shown, { timeout: 60_000 }).toBe('60');
    assertAllOnce(await wholeLog(process.client, log), entries, [...before, ...after]);
    await process.stop();
  });
});

describe('two log processes', () => {
  it('that race for an empty database make one log between them, which answers the same entry with one index', async () => {
    const { log, databaseUrl } = await net.newLog();
    const racing = await Promise.all(
      [1, 2].map(async () => log.start(databaseUrl, { ready: false, env: { LOG_MAX_BATCH: '3' } })),
    );
    const statuses = async () => Promise.all(racing.map(async ({ url }) => (await fetch(`${url}/readyz`)).status));
    await expect.poll(statuses, { timeout: 90_000 }).toContain(200);
    const entries = await someEntries('race', 60);
    const active = racing[(await statuses()).indexOf(200)] as LogProcess;
    const places = await appendAll(active.client, entries);
    expect((await statuses()).filter((status) => status === 200)).toHaveLength(1);
    // In one batch and across two in flight: batches are of three.
    const twice = await someEntries('twice', 12);
    const answers = await Promise.all([...twice, ...twice, ...twice].map(async (entry) => active.client.append(entry)));
    expect(answers.slice(12)).toEqual([...answers.slice(0, 12), ...answers.slice(0, 12)]);
    assertAllOnce(await wholeLog(active.client, log), [...entries, ...twice], [...places, ...answers.slice(0, 12)]);
    await Promise.all(racing.map(async (process) => process.stop()));
  });
});

describe('a full disk', () => {
  it('while tiles are written stops the files only, which catch up when there is room', async () => {
    const { log, databaseUrl } = await net.newLog();
    mkdirSync(log.tilesDir);
    // A file system of a few pages, in a mount namespace of the process; we reach it through /proc.
    const mount = `mount -t tmpfs -o size=64k none ${log.tilesDir} && exec "$@"`;
    const process = await log.start(databaseUrl, {
      wrap: ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh'],
    });
    const tiles = (name: string): string => `/proc/${process.pid}/root${log.tilesDir}/${name}`;
    const entries = await someEntries('disk', 600);
    const places = await appendAll(process.client, entries);
    await expect.poll(() => readFileSync(log.logFile, 'utf8'), { timeout: 90_000 }).toContain('ENOSPC');
    assertAllOnce(await wholeLog(process.client, log), entries, places);
    expect(existsSync(tiles('tile/entries/001'))).toBe(false);

    const more = [
      '--target',
      String(process.pid),
      '--user',
      '--mount',
      'mount',
      '-o',
      'remount,size=16m',
      log.tilesDir,
    ];
    expect(spawnSync('nsenter', more, { encoding: 'utf8' })).toMatchObject({ status: 0 });
    const note = async () => (await fetch(`${process.url}/checkpoint`)).text();
    await expect
      .poll(
        async () => existsSync(tiles('checkpoint')) && readFileSync(tiles('checkpoint'), 'utf8') === (await note()),
        {
          timeout: 90_000,
        },
      )
      .toBe(true);
    const fromFiles = {
      checkpoint: process.client.checkpoint,
      tile: async (name: string) => readFileSync(tiles(name)),
    };
    expect(await wholeLog(fromFiles, log)).toHaveLength(600);
    await process.stop();
  });
});

/** Callers that append, each one entry after the other, until they are stopped. */
function endlessLoad(client: LogClient, callers: number) {
  const entries: Uint8Array[] = [];
  const answers: Appended[] = [];
  let going = true;
  const caller = async (_: unknown, name: number): Promise<void> => {
    for (let i = 0; going; i++) {
      const entry = await wellFormedEntry(`load ${name} ${i}`);
      const answer = await appendForever(client, entry);
      entries.push(entry);
      answers.push(answer);
    }
  };
  const done = Promise.all(Array.from({ length: callers }, caller));
  const stop = async () => {
    going = false;
    await done;
    return { entries, answers };
  };
  return { answers, stop };
}

/** As a patient caller: the log says that a repeat is safe. */
async function appendForever(client: LogClient, entry: Uint8Array): Promise<Appended> {
  for (;;) {
    try {
      return await client.append(entry);
    } catch (error) {
      expect(error).toMatchObject({ code: 'LOG_UNAVAILABLE', retryable: true });
    }
  }
}
