// How many records a second the relay brings from the log to Ceramic, and how late they are there: from the moment that an
// append was answered to the moment that its batch was read back from the node and found good.
// First a backlog, appended while no relay ran: nobody else takes of the cores then. Then loads at a steady rate, whose maker and whose
// log share the cores with the relay, the engine and PostgreSQL.
//   npm run --silent bench -- ceramic [--backlog 60000] [--seconds 20] [--offered 2000,10000] [--datasets 8]
// Real: PostgreSQL, the log (tiles over HTTP, from files), the relay in a process of its own as in a worker, the Ceramic engine in its
// own, well-formed and signed access records of 1.7 kB. Absent: chain, witnesses, and HTTP on the way into the log.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { to0x } from '../../dist/src/kernel/index.js';
import { FolderStorage } from '../../dist/src/provenance/log/export/folder-storage.js';
import { logApp, readRoutes } from '../../dist/src/provenance/log/http.js';
import { controllerOf, createRecordStreams } from '../../dist/web3/ceramic/record-streams.js';
import { startCeramic } from '../../dist/web3/devnet/ceramic.js';
import { deployDatabase } from '../../dist/web3/devnet/postgres.js';
import { freePort } from '../../dist/web3/devnet/service.js';
import { cpuOfPostgres, cpuOfProcess } from './support/cpu.mjs';
import { closedLoop, offered, percentiles } from './support/load.mjs';
import { loadTypeScript } from './support/load-typescript.mjs';
import { openDatabase, openPostgres, openSigner, ORIGIN, startLog } from './support/log-host.mjs';

const SEED = '07'.repeat(32);
const WARM_UP_MS = 2_000;
/** Until the log's files are written. */
const SETTLE_MS = 3_000;
const CATCH_UP_LIMIT_MS = 60_000;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    backlog: { type: 'string', default: '60000' },
    offered: { type: 'string', default: '2000,10000' },
    datasets: { type: 'string', default: '8' },
  },
});
const [durationMs, datasets] = [Number(values.seconds) * 1000, Number(values.datasets)];
const backlog = Number(values.backlog);
const rates = values.offered.split(',').map(Number).filter(Boolean);
const say = (text) => console.error(text);
const figures = [];
/** Unix milliseconds at which each log index was answered, and at which it was on Ceramic. */
const [answeredAt, publishedAt] = [[], []];
let published = 0;

const dir = mkdtempSync(path.join(os.tmpdir(), 'weighbridge-bench-ceramic-'));
/** @type {(() => unknown)[]} */
const stops = [() => rmSync(dir, { recursive: true, force: true })];
try {
  await measure();
} finally {
  for (const stop of stops.toReversed()) await stop();
}
const machine = {
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
};
console.log(JSON.stringify({ bench: 'ceramic', machine, figures }));

async function measure() {
  const postgres = started(await openPostgres(dir));
  const engine = started(await startCeramic({ dir: path.join(dir, 'ceramic'), port: await freePort() }));
  const storage = new FolderStorage(path.join(dir, 'tiles'));
  const log = started(
    await startLog({ databaseUrl: await openDatabase(postgres, 'log'), signer: openSigner(dir), storage }),
  );
  const app = logApp(pino({ level: 'silent' }));
  readRoutes(app, log.service);
  const logUrl = await app.listen({ port: 0, host: '127.0.0.1' });
  stops.push(() => app.close());
  const databaseUrl = postgres.url('weighbridge');
  await deployDatabase(databaseUrl);
  const startRelay = async (more) => forkRelay({ logUrl, databaseUrl, ceramicUrl: engine.url, ...more });
  let relay = await startRelay();
  const { keyIds, entry } = await entryMaker();

  const append = async (bytes) => {
    const { index } = await log.service.append(bytes);
    answeredAt[index] = Date.now();
    // An array with holes would be a table of hashes, and its upkeep counted as the log's.
    publishedAt[index] ??= Number.NaN;
  };
  // The first batch of everything is slow: code is compiled, connections are opened.
  await offered({ perSecond: 500, append, entry, durationMs: WARM_UP_MS });
  await untilAllPublished();
  const cpu = () => ({
    'log and load': process.cpuUsage().user + process.cpuUsage().system,
    relay: cpuOfProcess(relay.pid),
    'Ceramic engine': cpuOfProcess(engine.pid),
    PostgreSQL: cpuOfPostgres(path.join(dir, 'postgres/data')),
  });
  if (backlog > 0) {
    await relay.stop();
    await closedLoop({ callers: 256, append, entry, count: backlog, durationMs: CATCH_UP_LIMIT_MS });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    relay = await startRelay({ waits: true });
    await measureBacklog(cpu, relay);
  }
  for (const perSecond of rates) await measureRate(perSecond, { append, entry, cpu });
  await assertWhole(engine.url, databaseUrl, keyIds, answeredAt.length);
}

/** What was appended while no relay ran, as fast as it can. */
async function measureBacklog(cpu, relay) {
  say(`${backlog} records behind, about ${datasets} datasets`);
  const [before, fromMs] = [cpu(), Date.now()];
  relay.follow();
  await untilAllPublished();
  const after = cpu();
  const rate = backlog / ((publishedAt.at(-1) - fromMs) / 1000);
  figure('catching up: published', rate, 'records/s', 'at least 9000', rate >= 9_000);
  costs('catching up', before, after, backlog);
}

/** One load: what of it was on Ceramic when it ended, how late everything was, and what a record cost. */
async function measureRate(perSecond, { append, entry, cpu }) {
  say(`${perSecond} records a second about ${datasets} datasets, ${durationMs / 1000} s`);
  const first = answeredAt.length;
  const before = cpu();
  const fromMs = Date.now();
  const load = await offered({ perSecond, append, entry, durationMs });
  const toMs = Date.now();
  const onTime = publishedAt.slice(first).filter((atMs) => atMs >= fromMs + WARM_UP_MS && atMs <= toMs).length;
  await untilAllPublished();
  const after = cpu();

  const at = `at ${perSecond}/s`;
  const rate = onTime / ((toMs - fromMs - WARM_UP_MS) / 1000);
  const lags = percentiles(publishedAt.slice(first).map((atMs, i) => atMs - answeredAt[first + i]));
  const wanted = Math.min(9_000, 0.95 * perSecond);
  figure(`${at}: appended`, load.rate, 'records/s');
  figure(`${at}: published meanwhile`, rate, 'records/s', `at least ${wanted}`, rate >= wanted);
  figure(`${at}: lag behind the log, p50`, lags.p50, 'ms', 'below 500', lags.p50 < 500);
  figure(`${at}: lag behind the log, p99`, lags.p99, 'ms');
  costs(at, before, after, load.count);
}

function costs(at, before, after, count) {
  const used = Object.entries(after).map(([name, us]) => [name, (us - before[name]) / count]);
  for (const [name, us] of used) figure(`${at}: CPU of ${name}`, us, 'us/record');
  const all = used.reduce((sum, [, us]) => sum + us, 0);
  figure(`${at}: records/s that all of it leaves room for on these cores`, (os.cpus().length * 1e6) / all, 'records/s');
}

/** The relay, as a worker runs it; with `waits` it does nothing before it is told to follow the log. */
async function forkRelay(options) {
  const child = fork(path.join(import.meta.dirname, 'support/relay-process.mjs'), [
    JSON.stringify({ ...options, origin: ORIGIN, seed: SEED }),
  ]);
  const exited = once(child, 'exit');
  await once(child, 'message');
  child.on('message', ({ indexes, atMs }) => {
    for (const index of indexes) publishedAt[index] = atMs;
    published += indexes.length;
  });
  return started({
    pid: child.pid,
    follow: () => child.send({ follow: true }),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  });
}

async function untilAllPublished() {
  const limitMs = Date.now() + CATCH_UP_LIMIT_MS;
  while (published < answeredAt.length) {
    if (Date.now() > limitMs) throw new Error(`${answeredAt.length - published} records never came to Ceramic`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One real record a dataset; each entry has a header of its own, which makes it another entry with the same body. */
async function entryMaker() {
  const { manyAccesses } = await loadTypeScript(path.join(import.meta.dirname, '../support/relay-log.ts'));
  const keyIds = Array.from({ length: datasets }, (_, i) => to0x(new Uint8Array(32).fill(i + 1)));
  const templates = await Promise.all(keyIds.map(async (keyId) => (await manyAccesses(keyId, 1))[0]));
  const digestAt = 'weighbridge/v1 access-granted '.length;
  let made = 0;
  const entry = () => {
    const bytes = Buffer.from(templates[made % datasets]);
    bytes.write((made++).toString(16).padStart(64, '0'), digestAt, 'latin1');
    return bytes;
  };
  return { keyIds, entry };
}

/** Everything is there, once, by a reader who believes nothing; and the relay's own table says the same. */
async function assertWhole(ceramicUrl, databaseUrl, keyIds, count) {
  say('reading it all back');
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    `SELECT count(*)::int AS n FROM relay_batches b JOIN log_records r ON r.key_id = b.key_id
     WHERE state = 'published' AND index BETWEEN first_index AND last_index`,
  );
  await client.end();
  const model = await (await createRecordStreams({ url: ceramicUrl, seed: Buffer.from(SEED, 'hex') })).ensureModel();
  const controller = controllerOf(Buffer.from(SEED, 'hex'));
  const reader = await createRecordStreams({ url: ceramicUrl, controller, model });
  let [read, batches] = [0, 0];
  for (const keyId of keyIds) {
    for (const { batch } of await reader.readBatches(keyId)) {
      read += batch.count;
      batches++;
    }
  }
  if (rows[0].n !== count || read !== count)
    throw new Error(`of ${count} records, ${read} are on Ceramic, ${rows[0].n} marked`);
  figure('records in a batch, on average', count / batches, 'records');
}

function started(service) {
  stops.push(() => service.stop());
  return service;
}

/** @param {string | null} [target] @param {boolean | null} [met] */
function figure(name, value, unit, target = null, met = null) {
  figures.push({ name, value: Math.round(value * 1000) / 1000, unit, target, met });
  say(
    `${name}  ${value.toFixed(2)} ${unit}${target === null ? '' : `  (${target}: ${met === true ? 'met' : 'NOT met'})`}`,
  );
}
