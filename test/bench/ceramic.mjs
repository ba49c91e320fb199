// How many records a second the relay brings from the log to Ceramic, and how late they are there: from the moment that an
// append was answered to the moment that its batch was read back from the node and found good.
// One load after the other: more than it can keep, and what it keeps.
//   npm run --silent bench -- ceramic [--seconds 20] [--offered 10000,2000] [--datasets 8]
// Real: PostgreSQL, the log (tiles over HTTP), the relay in a process of its own as in a worker, the Ceramic engine in its own,
// well-formed and signed access records of 1.7 kB. Absent: chain, witnesses, and HTTP on the way into the log. Whoever makes the
// load shares the two cores with all of them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { to0x } from '../../dist/src/kernel/index.js';
import { logApp, readRoutes } from '../../dist/src/provenance/log/http.js';
import { controllerOf, createRecordStreams } from '../../dist/web3/ceramic/record-streams.js';
import { startCeramic } from '../../dist/web3/devnet/ceramic.js';
import { deployDatabase } from '../../dist/web3/devnet/postgres.js';
import { freePort } from '../../dist/web3/devnet/service.js';
import { cpuOfPostgres, cpuOfProcess } from './support/cpu.mjs';
import { offered, percentiles } from './support/load.mjs';
import { loadTypeScript } from './support/load-typescript.mjs';
import { openDatabase, openPostgres, openSigner, ORIGIN, startLog } from './support/log-host.mjs';

const SEED = '07'.repeat(32);
const WARM_UP_MS = 2_000;
const CATCH_UP_LIMIT_MS = 60_000;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    offered: { type: 'string', default: '10000,2000' },
    datasets: { type: 'string', default: '8' },
  },
});
const [durationMs, datasets] = [Number(values.seconds) * 1000, Number(values.datasets)];
const rates = values.offered.split(',').map(Number);
const say = (text) => console.error(text);
const figures = [];
/** Unix milliseconds at which each log index was answered, and at which it was on Ceramic. */
const [answeredAt, publishedAt] = [[], []];

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
  const log = started(await startLog({ databaseUrl: await openDatabase(postgres, 'log'), signer: openSigner(dir) }));
  const app = logApp(pino({ level: 'silent' }));
  readRoutes(app, log.service);
  const logUrl = await app.listen({ port: 0, host: '127.0.0.1' });
  stops.push(() => app.close());
  const databaseUrl = postgres.url('weighbridge');
  await deployDatabase(databaseUrl);
  const relay = await startRelay({ logUrl, databaseUrl, ceramicUrl: engine.url });
  const { keyIds, entry } = await entryMaker();

  const append = async (bytes) => {
    const { index } = await log.service.append(bytes);
    answeredAt[index] = Date.now();
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
  for (const perSecond of rates) await measureRate(perSecond, { append, entry, cpu });
  await assertWhole(engine.url, databaseUrl, keyIds, answeredAt.length);
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
  for (const [name, us] of Object.entries(after))
    figure(`${at}: CPU of ${name}`, (us - before[name]) / load.count, 'us/record');
}

/** The relay, as a worker runs it. */
async function startRelay(options) {
  const child = fork(path.join(import.meta.dirname, 'support/relay-process.mjs'), [
    JSON.stringify({ ...options, origin: ORIGIN, seed: SEED }),
  ]);
  const exited = once(child, 'exit');
  stops.push(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  await once(child, 'message');
  child.on('message', ({ indexes, atMs }) => {
    for (const index of indexes) publishedAt[index] = atMs;
  });
  return child;
}

async function untilAllPublished() {
  const limitMs = Date.now() + CATCH_UP_LIMIT_MS;
  const count = () => publishedAt.reduce((sum) => sum + 1, 0);
  while (count() < answeredAt.length) {
    if (Date.now() > limitMs) throw new Error(`${answeredAt.length - count()} records never came to Ceramic`);
    await new Promise((resolve) => setTimeout(resolve, 100));
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
    `SELECT coalesce(sum(jsonb_array_length(records)), 0)::int AS n FROM relay_batches WHERE state = 'published'`,
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
