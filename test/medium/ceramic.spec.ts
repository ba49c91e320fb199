// Real: the js-ceramic engine in its own process, Ceramic's HTTP client, PostgreSQL with every migration, signed records.
// Faked: the log's HTTP server. Its tiles and checkpoint are made in memory from the same records and checked as ever.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isWeighbridgeError, utf8 } from '../../src/kernel/index.js';
import {
  LogIndexer,
  PgRelayStore,
  RelayFollower,
  type RecordSource,
  type RecordStreams,
  type RelayFollowerOptions,
  type RelayStore,
} from '../../src/provenance/relay/index.js';
import { createRecordStreams } from '../../web3/ceramic/record-streams.js';
import { startCeramic, type CeramicService } from '../../web3/devnet/ceramic.js';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';
import { freePort } from '../../web3/devnet/service.js';
import { batchOf, CERAMIC_ORIGIN as ORIGIN, randomWord } from '../support/ceramic-batches.js';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { notedLog } from '../support/noted-log.js';
import { parties, provenanceStory } from '../support/provenance-story.js';
import { accesses, leaves, manyAccesses, sourceOf } from '../support/relay-log.js';

/** What comes while the node is away: an hour's worth with CERAMIC_AWAY=20000. */
const AWAY = Number(process.env.CERAMIC_AWAY ?? 3_000);
const seed = new Uint8Array(32).fill(7);
const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-ceramic-'));
let port: number;
let engine: CeramicService;
let database: TestDatabase;
let pool: Pool;
let streams: RecordStreams;

beforeAll(async () => {
  port = await freePort();
  [engine, database] = await Promise.all([startCeramic({ dir, port }), startTestDatabase()]);
  pool = new Pool({ connectionString: database.url });
  streams = await createRecordStreams({ url: engine.url, seed });
});
afterAll(async () => {
  await pool?.end();
  await Promise.all([engine?.stop(), database?.stop()]);
  rmSync(dir, { recursive: true, force: true });
});
const followers: RelayFollower[] = [];
afterEach(async () => {
  for (const relay of followers.splice(0)) await relay.stop();
});
beforeEach(async () => {
  await pool.query(
    'TRUNCATE log_records, access_counts, relay_waiting, relay_batches; UPDATE relay_cursor SET next_index = 0',
  );
});

function follower(
  source: RecordSource,
  changes: Partial<RelayFollowerOptions> & { store?: RelayStore; streams?: RecordStreams } = {},
): RelayFollower {
  const { store = new PgRelayStore(pool), streams: to = streams, ...options } = changes;
  const onError = (error: unknown): never => expect.unreachable(String(error));
  const relay = new RelayFollower(source, store, to, { origin: ORIGIN, onError, ...options });
  followers.push(relay);
  return relay;
}

const reader = async (url = engine.url) =>
  createRecordStreams({ url, controller: streams.controller, model: await streams.ensureModel() });

/** The streams, but for what happens when a batch is published. */
const publishingAs = (publishBatch: RecordStreams['publishBatch']): RecordStreams => ({
  controller: streams.controller,
  ensureModel: async () => streams.ensureModel(),
  publishBatch,
  loadBatch: async (keyId, seq) => streams.loadBatch(keyId, seq),
  readBatches: async (keyId) => streams.readBatches(keyId),
});

class UnmarkingStore extends PgRelayStore {
  override async markPublished(): Promise<void> {
    return Promise.reject(new Error('killed'));
  }
}

const code = (error: unknown): unknown => (isWeighbridgeError(error) ? error.code : error);

describe('publishing', () => {
  it('publishes a story whole, and a reader without the seed finds every leaf hash', async () => {
    const { entries, keyId } = await provenanceStory();
    const log = Object.values(entries);
    expect(await follower(sourceOf(log)).runOnce()).toEqual({ indexed: 5, published: 1 });

    const [loaded, ...more] = await (await reader()).readBatches(keyId);
    expect(more).toEqual([]);
    expect(loaded?.batch).toEqual({
      keyId,
      seq: 1,
      count: 5,
      records: leaves(log),
      from: '2026-11-25T12:00:00.000Z',
      to: '2026-11-25T12:00:12.000Z',
      origin: ORIGIN,
      checkpoint: (await notedLog(log).checkpoint()).note,
    });
  });

  it('indexes every field of each record, and what a record has none of as null', async () => {
    const source = sourceOf(Object.values((await provenanceStory()).entries));
    await new LogIndexer(source, new PgRelayStore(pool), 100).step();
    const { rows } = await pool.query('SELECT * FROM log_records ORDER BY index');
    const { records } = await source.read(0, 100);
    const wanted = records.map(({ leafHash, keyId, orderId, initialWeights, ...record }) => ({
      ...record,
      leaf_hash: leafHash,
      key_id: keyId,
      order_id: orderId ?? null,
      licence: record.licence ?? null,
      weights: record.weights ?? null,
      initial_weights: initialWeights ?? null,
      actor: record.actor?.toLowerCase() ?? null,
    }));
    expect(rows).toEqual(wanted);
    expect(rows.map((row) => [row.index, row.type, row.actor])).toEqual([
      [0, 'dataset-listed', parties.seller.address.toLowerCase()],
      [1, 'licence-issued', parties.pseudonym.address.toLowerCase()],
      [2, 'access-granted', parties.pseudonym.address.toLowerCase()],
      [3, 'training-completed', parties.worker.address.toLowerCase()],
      [4, 'job-settled', null],
    ]);
  });

  it('counts accesses as it indexes them, each once, also when two relays index the same stretch', async () => {
    const [a, b] = [randomWord(), randomWord()];
    const log = [
      ...(await accesses(a, 5)),
      ...(await accesses(b, 2)),
      ...Object.values((await provenanceStory()).entries),
    ];
    const counts = async () =>
      (await pool.query('SELECT key_id, accesses FROM access_counts WHERE key_id = ANY($1)', [[a, b]])).rows;
    const index = async (entries: Uint8Array[]) =>
      new LogIndexer(sourceOf(entries), new PgRelayStore(pool), 100).step();
    await Promise.all([index(log.slice(0, 4)), index(log.slice(0, 4))]);
    expect(await counts()).toEqual([{ key_id: a, accesses: 4 }]);
    await Promise.all([index(log), index(log)]);
    const wanted = [a, b].map((key_id, i) => ({ key_id, accesses: [5, 2][i] }));
    expect(await counts()).toEqual(expect.arrayContaining(wanted));
    expect((await pool.query('SELECT accesses FROM access_counts')).rows).toHaveLength(3);
  });

  it('cuts a long log into linked batches, one chain a dataset, and passes over what is no record', async () => {
    const [a, b] = [randomWord(), randomWord()];
    const log = [utf8('not a record'), ...(await accesses(a, 7)), ...(await accesses(b, 2))];
    const unreadable: number[] = [];
    const relay = follower(sourceOf(log), { maxRecords: 3, onUnreadable: (indexes) => unreadable.push(...indexes) });
    const rounds = [await relay.runOnce(), await relay.runOnce(), await relay.runOnce(), await relay.runOnce()];
    expect(rounds.map((round) => round.published)).toEqual([2, 1, 1, 0]);
    expect(unreadable).toEqual([0]);

    const chain = await (await reader()).readBatches(a);
    expect(chain.flatMap(({ batch }) => batch.records)).toEqual(leaves(log.slice(1, 8), 1));
    expect(chain.map(({ batch }) => batch.count)).toEqual([3, 3, 1]);
    expect(chain.map(({ batch }) => batch.previous)).toEqual([undefined, chain[0]?.commitId, chain[1]?.commitId]);
    expect((await (await reader()).readBatches(b)).map(({ batch }) => batch.count)).toEqual([2]);
  });

  it('gives each of two datasets its own, though their records alternate in the log', async () => {
    const keys = [randomWord(), randomWord()].toSorted();
    const [a = [], b = []] = await Promise.all(keys.map(async (keyId) => accesses(keyId, 5)));
    const log = a.flatMap((entry, i) => [entry, b[i] ?? entry]);
    const relay = follower(sourceOf(log), { maxRecords: 3 });
    while ((await relay.runOnce()).published > 0);
    for (const [i, keyId] of keys.entries()) {
      const chain = await (await reader()).readBatches(keyId);
      expect(chain.map(({ batch }) => batch.count)).toEqual([3, 2]);
      expect(chain.flatMap(({ batch }) => batch.records)).toEqual(leaves(log).filter(({ index }) => index % 2 === i));
    }
  });

  it('lets records wait for company while it is behind, until they are many enough', async () => {
    const keyId = randomWord();
    const relay = follower(sourceOf(await accesses(keyId, 4)), { stretch: 2, maxRecords: 3 });
    expect(await relay.runOnce()).toEqual({ indexed: 2, published: 0 });
    expect(await relay.runOnce()).toEqual({ indexed: 2, published: 1 });
    expect(await streams.loadBatch(keyId, 2)).toBeUndefined();
    expect(await relay.runOnce()).toEqual({ indexed: 0, published: 1 });
    expect((await streams.loadBatch(keyId, 2))?.batch.count).toBe(1);
  });

  it('holds the largest batch that the port allows', async () => {
    const batch = batchOf(randomWord(), 1_000, 9_007_199_254_000_000);
    await streams.publishBatch(batch);
    expect((await streams.loadBatch(batch.keyId, 1))?.batch).toEqual(batch);
  });

  it('gives the same stream again, to two publishers at once and ever after', async () => {
    const batch = batchOf(randomWord(), 3);
    const other = await createRecordStreams({ url: engine.url, seed, model: await streams.ensureModel() });
    const [one, two] = await Promise.all([streams.publishBatch(batch), other.publishBatch(batch)]);
    expect(two).toEqual(one);
    expect(await streams.publishBatch(batch)).toEqual(one);
  });

  it('refuses to put another batch in the place of a published one', async () => {
    const batch = batchOf(randomWord(), 3);
    await streams.publishBatch(batch);
    const again = streams.publishBatch({ ...batch, origin: 'elsewhere.test/log' });
    await expect(again).rejects.toMatchObject({ code: 'PROOF_INVALID' });
  });
});

describe('kills', { timeout: 300_000 }, () => {
  it('publishes the fixed batch again after a death before Ceramic heard of it, after, and before it was marked', async () => {
    const keyId = randomWord();
    const source = sourceOf(await accesses(keyId, 3));

    const unheard = publishingAs(async () => Promise.reject(new Error('killed')));
    expect(await follower(source, { streams: unheard }).runOnce()).toEqual({ indexed: 3, published: 0 });
    const heard = publishingAs(async (batch) => {
      await streams.publishBatch(batch);
      throw new Error('killed');
    });
    expect(await follower(source, { streams: heard }).runOnce()).toEqual({ indexed: 0, published: 0 });
    const first = await streams.loadBatch(keyId, 1);
    expect(first?.batch.count).toBe(3);
    expect((await follower(source, { store: new UnmarkingStore(pool) }).runOnce()).published).toBe(0);

    expect((await follower(source).runOnce()).published).toBe(1);
    expect((await follower(source).runOnce()).published).toBe(0);
    const { rows } = await pool.query('SELECT stream_id, commit_id, state FROM relay_batches');
    expect(rows).toEqual([{ stream_id: first?.streamId, commit_id: first?.commitId, state: 'published' }]);
    expect(await streams.loadBatch(keyId, 2)).toBeUndefined();
  });

  it('neither loses nor doubles a record when two relays run at once', async () => {
    const keyId = randomWord();
    const log = await accesses(keyId, 12);
    const source = sourceOf(log);
    const failures: unknown[] = [];
    const relays = Array.from({ length: 2 }, () =>
      follower(source, { maxRecords: 2, onFailed: (_, error) => failures.push(error) }),
    );
    for (let round = 0; round < 8; round++) await Promise.all(relays.map(async (relay) => relay.runOnce()));
    const chain = await streams.readBatches(keyId);
    expect(chain.flatMap(({ batch }) => batch.records)).toEqual(leaves(log));
    expect(failures).toEqual([]);
  });

  it('loses nothing when the engine is killed in the middle of a batch, and publishes that batch again', async () => {
    const keys = [randomWord(), randomWord()];
    const logs = [await accesses(keys[0] ?? '0x', 12), await accesses(keys[1] ?? '0x', 12)];
    const source = sourceOf(logs.flat());
    let begun = 0;
    const failures: unknown[] = [];
    const dying = publishingAs(async (batch) => {
      const publishing = streams.publishBatch(batch);
      // With two batches on their way, of which the node may hold any part.
      if (++begun === 2) engine.kill('SIGKILL');
      return publishing;
    });
    const onFailed = (_: unknown, error: unknown) => failures.push(code(error));
    await follower(source, { streams: dying, maxRecords: 6, onFailed }).runOnce();
    await engine.exited;
    expect(failures).toContain('CERAMIC_UNAVAILABLE');
    engine = await startCeramic({ dir, port });

    const relay = follower(source, { maxRecords: 6 });
    while ((await relay.runOnce()).published > 0);
    for (const [i, keyId] of keys.entries()) {
      const chain = await (await reader()).readBatches(keyId);
      expect(chain.map(({ batch }) => batch.count)).toEqual([6, 6]);
      expect(chain.flatMap(({ batch }) => batch.records)).toEqual(leaves(logs[i] ?? [], 12 * i));
    }
  });

  it(`keeps what was acknowledged when the engine is killed, and catches up with ${AWAY} records: nothing waited, nothing is lost`, async () => {
    const keyId = randomWord();
    const log = [...(await accesses(keyId, 3)), ...(await manyAccesses(keyId, AWAY))];
    expect(await follower(sourceOf(log.slice(0, 3))).runOnce()).toEqual({ indexed: 3, published: 1 });
    const anchored = async (seq: number) => (await streams.loadBatch(keyId, seq))?.anchored;
    await expect.poll(async () => anchored(1), { timeout: 30_000 }).toBe(true);
    engine.kill('SIGKILL');
    await engine.exited;

    const failures: unknown[] = [];
    const away = follower(sourceOf(log), { onFailed: (_, error) => failures.push(code(error)) });
    while ((await away.runOnce()).indexed > 0);
    // The index went on. Of all that, one batch was fixed and tried: others follow it, and it stays what it is.
    expect((await pool.query('SELECT next_index FROM relay_cursor')).rows).toEqual([{ next_index: 3 + AWAY }]);
    expect((await pool.query('SELECT count FROM relay_waiting')).rows).toEqual([{ count: AWAY - 1_000 }]);
    expect(new Set(failures)).toEqual(new Set(['CERAMIC_UNAVAILABLE']));

    engine = await startCeramic({ dir, port });
    // sync=1 is SYNC_ALWAYS: js-ceramic drops what it remembers and validates the stream, its anchor included, from its blocks.
    const streamId = (await streams.loadBatch(keyId, 1))?.streamId;
    const synced = async () => (await fetch(`${engine.url}/api/v0/streams/${streamId}?sync=1`)).json();
    // If it was killed just before it kept the anchor that it had shown, it anchors again.
    await expect.poll(synced, { timeout: 30_000 }).toMatchObject({ state: { anchorStatus: 'ANCHORED' } });
    follower(sourceOf(log)).start();
    const published = async () => (await pool.query(`SELECT FROM relay_batches WHERE state = 'published'`)).rowCount;
    const batches = 1 + Math.ceil(AWAY / 1_000);
    await expect.poll(published, { timeout: 240_000 }).toBe(batches);
    const chain = await (await reader()).readBatches(keyId);
    expect(chain.flatMap(({ batch }) => batch.records)).toEqual(leaves(log));
    await expect.poll(async () => anchored(batches), { timeout: 30_000 }).toBe(true);
  });

  it('publishes what waits although the clock was set back an hour', async () => {
    const keyId = randomWord();
    const store = new PgRelayStore(pool);
    const fixed = async () => {
      await store.fixDue({ origin: ORIGIN, minAgeMs: 60_000, maxRecords: 1_000, limit: 8 });
      return (await store.fixedBatches(8, [])).length;
    };
    await new LogIndexer(sourceOf(await accesses(keyId, 2)), store, 100).step();
    expect(await fixed()).toBe(0);
    await pool.query(`UPDATE relay_waiting SET since = now() + interval '1 hour'`);
    expect(await fixed()).toBe(1);
  });

  it('refuses a second engine in the same folder, and the first goes on', async () => {
    const main = path.join(repositoryRoot(), 'dist/programs/ceramic.js');
    const env = { CERAMIC_DIR: dir, CERAMIC_PORT: String(await freePort()) };
    const second = spawnSync(process.execPath, [main], { env, encoding: 'utf8', timeout: 60_000 });
    expect(second).toMatchObject({ status: 1, stderr: expect.stringContaining('another one runs in') as unknown });
    const { streamId } = await streams.publishBatch(batchOf(randomWord(), 1));
    expect(streamId).toMatch(/^k/);
  });
});

describe('configuration', () => {
  it('refuses a seed that is not 32 bytes, and a seed of another model', async () => {
    const short = createRecordStreams({ url: engine.url, seed: new Uint8Array(31) });
    await expect(short).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const other = await createRecordStreams({
      url: engine.url,
      seed: new Uint8Array(32),
      model: await streams.ensureModel(),
    });
    await expect(other.ensureModel()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
