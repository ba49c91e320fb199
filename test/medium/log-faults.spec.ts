// Real: PostgreSQL, log processes (killed with SIGKILL), a full file system, anvil with LogAnchor. Faked: who signed the
// entries, which the log does not judge. LOG_KILLS=200 for as many kills as the owners ask.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sameBytes } from '../../src/kernel/index.js';
import { headOf, VerifiedTree, verifyCheckpoint, type Appended, type LogClient } from '../../src/provenance/index.js';
import { nodeHasher } from '../../src/provenance/log/node-hasher.js';
import { freePort } from '../../web3/devnet/service.js';
import { appendAll, leafOf, query, someEntries, startLogNet, wholeLog, type LogNet } from '../support/log-net.js';
import type { LogProcess, TestLog } from '../support/log-process.js';

const KILLS = Number(process.env.LOG_KILLS ?? 10);
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

describe('two log processes', () => {
  it('that race for an empty database make one log between them', async () => {
    const { log, databaseUrl } = await net.newLog();
    const racing = await Promise.all([1, 2, 3].map(async () => log.start(databaseUrl, { ready: false })));
    const statuses = async () => Promise.all(racing.map(async ({ url }) => (await fetch(`${url}/readyz`)).status));
    await expect.poll(statuses, { timeout: 90_000 }).toContain(200);
    const entries = await someEntries('race', 60);
    const active = racing[(await statuses()).indexOf(200)] as LogProcess;
    const places = await appendAll(active.client, entries);
    expect((await statuses()).filter((status) => status === 200)).toHaveLength(1);
    assertAllOnce(await wholeLog(active.client, log), entries, places);
    await Promise.all(racing.map(async (process) => process.stop()));
  });

  it('answer the same entry with one index, sent to both and across a restart', async () => {
    const { log, databaseUrl } = await net.newLog();
    let process = await log.start(databaseUrl, { env: { LOG_MAX_BATCH: '3' } });
    const entries = await someEntries('twice', 12);
    // In one batch and across two in flight: batches are of three.
    const first = await Promise.all(
      [...entries, ...entries, ...entries].map(async (entry) => process.client.append(entry)),
    );
    expect(new Set(first.map(({ index }) => index)).size).toBe(12);
    expect(first.slice(12, 24)).toEqual(first.slice(0, 12));
    await process.stop();
    process = await log.start(databaseUrl);
    expect(await appendAll(process.client, entries)).toEqual(first.slice(0, 12));
    expect((await process.client.checkpoint()).size).toBe(12);
    await process.stop();
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
    const entries = await someEntries('disk', 900);
    const places = await appendAll(process.client, entries);
    await expect.poll(() => readFileSync(log.logFile, 'utf8'), { timeout: 90_000 }).toContain('ENOSPC');
    assertAllOnce(await wholeLog(process.client, log), entries, places);
    expect(existsSync(tiles('tile/entries/002'))).toBe(false);

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
    expect(await wholeLog(fromFiles, log)).toHaveLength(900);
    await process.stop();
  });
});

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
