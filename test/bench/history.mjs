#!/usr/bin/env node
// What a page of history costs with a thousand records in the log and with a million: real PostgreSQL, the API's own repositories.
// The rows go into the real table by COPY, not through the log: what is measured is reading. Both databases are there at once and
// take turns, so that a busy minute of this machine is not one of them alone. Build first: `npm run build`.
import 'reflect-metadata';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { deployDatabase } from '../../scripts/prisma.mjs';
import { LineageRepository } from '../../dist/src/audit/lineage.repository.js';
import { RecordRepository } from '../../dist/src/audit/record.repository.js';
import { DatabasePool, PrismaService } from '../../dist/src/platform/index.js';
import { startPostgres } from '../../dist/web3/devnet/postgres.js';
import { freePort } from '../../dist/web3/devnet/service.js';

const [SMALL, LARGE] = [1_000, 1_000_000];
const ROUNDS = 24;
const PER_ROUND = 60;
const MAX_RATIO = 1.5;
const BIG_SHARE = 2; // every second record is of one dataset, the rest are spread over many
const word = (n) => `0x${n.toString(16).padStart(64, '0')}`;
const digest = (n) => n.toString(16).padStart(64, '0');
const BIG = word(7);
const TYPES = ['licence-issued', 'access-granted', 'training-completed', 'job-settled'];

const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-bench-'));
const postgres = await startPostgres(dir, await freePort());
const sides = [];
try {
  for (const size of [SMALL, LARGE]) sides.push(await open(size));
  report(await measure(...sides.map(listsOf)));
} finally {
  for (const { prisma, pool } of sides) {
    await prisma.$disconnect();
    await pool.end();
  }
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
}

/** A database of its own with so many records. */
async function open(size) {
  console.error(`${size} records are copied in`);
  const url = postgres.url(`history_${size}`);
  deployDatabase(url);
  const pool = new DatabasePool(url);
  await fill(pool, size);
  return { size, pool, prisma: new PrismaService(pool) };
}

/** Runs of four records; each model begins with the weights of the run eight before it, for ten generations, then anew. */
function row(i) {
  const run = Math.floor(i / 4);
  const own = run % BIG_SHARE === 0;
  const keyId = own ? BIG : word(1_000 + (run % 997));
  const type = TYPES[i % 4];
  const licence = i % 4 < 2 ? word(1e9 + run) : null;
  const order = i % 4 === 0 ? null : word(2e9 + run);
  const model = i % 4 === 2;
  const root = Math.floor(run / 8) % 10 === 0;
  const initial = root ? digest(9e9 + run) : digest(3e9 + run - 8);
  const actor = i % 4 === 3 ? null : `0x${(run % 50).toString(16).padStart(40, '0')}`;
  const fields = [
    i,
    type,
    digest(i),
    keyId,
    i + 1,
    licence,
    model ? digest(3e9 + run) : null,
    model ? initial : null,
    order,
    actor,
  ];
  return `${[...fields, '2026-11-26T00:00:00Z'].map((field) => field ?? '\\N').join('\t')}\n`;
}

async function fill(pool, size) {
  const client = await pool.connect();
  try {
    await client.query('SET statement_timeout = 0');
    const columns = 'index, type, leaf_hash, key_id, sequence, licence, weights, initial_weights, order_id, actor, at';
    const lines = (function* () {
      for (let i = 0; i < size; i++) yield row(i);
    })();
    const file = path.join(dir, `${size}.tsv`);
    await pipeline(Readable.from(lines), createWriteStream(file));
    await client.query(`COPY log_records (${columns}) FROM '${file}'`);
    await client.query('UPDATE relay_cursor SET next_index = $1, record_count = $1', [size]);
    await client.query('VACUUM ANALYZE log_records');
  } finally {
    client.release(true);
  }
}

/** The lists that auditors page through, at places all over the log. */
function listsOf({ size, pool, prisma }) {
  const [records, lineage] = [new RecordRepository(prisma), new LineageRepository(pool)];
  const runs = size / 4;
  const at = (i) => ({ first: 50, after: BigInt(Math.floor(((i * 7919) % PER_ROUND) * (size / PER_ROUND) * 0.9)) });
  const runAt = (i) => Math.floor(((i * 7919) % PER_ROUND) * (runs / PER_ROUND));
  const top = { first: 20, after: undefined };
  return {
    records: async (i) => records.list(undefined, at(i)),
    'records(dataset)': async (i) => records.list(BIG, at(i)),
    accessRecords: async (i) => records.ofDataset(BIG, { type: 'access-granted' }, at(i)),
    'accessRecords(actor)': async (i) =>
      records.ofDataset(BIG, { actor: `0x${((i % 25) * 2).toString(16).padStart(40, '0')}` }, top),
    'accessRecords(licence)': async (i) => records.ofDataset(BIG, { licence: word(1e9 + (runAt(i) & ~1)) }, top),
    'lineage(weights)': async (i) => lineage.ancestors(digest(3e9 + runAt(i)), top),
    'lineage(dataset)': async (i) => records.ofDataset(BIG, { type: 'training-completed' }, at(i)),
    descendants: async (i) => lineage.descendants(digest(3e9 + ((runAt(i) >> 7) << 7)), top),
    record: async (i) => records.at(Number(at(i).after)),
  };
}

/** p95 of each list on both sides, in ms: the lowest of some rounds, since others use this machine too. */
async function measure(small, large) {
  const p95 = {};
  for (const name of Object.keys(small)) {
    const [lists, lowest] = [
      [small[name], large[name]],
      [Infinity, Infinity],
    ];
    for (const list of lists) await timed(list, 40);
    for (let round = 0; round < ROUNDS; round++)
      for (const [side, list] of lists.entries()) lowest[side] = Math.min(lowest[side], await timed(list, PER_ROUND));
    p95[name] = lowest;
    const [at1k, at1m] = lowest.map((ms) => ms.toFixed(2));
    console.error(`${name.padEnd(24)} p95 ${at1k} ms at ${SMALL}, ${at1m} ms at ${LARGE}`);
  }
  return p95;
}

async function timed(list, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await list(i);
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[Math.floor(count * 0.95)];
}

function report(p95) {
  const figures = Object.entries(p95).flatMap(([name, [small, large]]) => [
    { name: `${name}: p95 at ${LARGE}`, value: round(large), unit: 'ms', target: null, met: null },
    {
      name: `${name}: p95 at ${LARGE} over p95 at ${SMALL}`,
      value: round(large / small),
      unit: 'ratio',
      target: MAX_RATIO,
      met: large / small <= MAX_RATIO,
    },
  ]);
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()[0].toFixed(1)}`;
  console.log(JSON.stringify({ bench: 'history', machine, figures }));
}

function round(value) {
  return Math.round(value * 100) / 100;
}
