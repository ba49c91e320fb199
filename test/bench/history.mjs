#!/usr/bin/env node
// What a page of history costs with a thousand records in the log and with a million: real PostgreSQL, the API's own repositories.
// The rows go into the real table by COPY, not through the log: what is measured is reading. Build first: `npm run build`.
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
const ROUNDS = 5;
const PER_ROUND = 120;
const MAX_RATIO = 1.5;
const BIG_SHARE = 2; // every second record is of one dataset, the rest are spread over many
const word = (n) => `0x${n.toString(16).padStart(64, '0')}`;
const digest = (n) => n.toString(16).padStart(64, '0');
const BIG = word(7);
const TYPES = ['licence-issued', 'access-granted', 'training-completed', 'job-settled'];

const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-bench-'));
const postgres = await startPostgres(dir, await freePort());
const url = postgres.url('weighbridge');
try {
  deployDatabase(url);
  const pool = new DatabasePool(url);
  const prisma = new PrismaService(pool);
  try {
    await fill(pool, 0, SMALL);
    const small = await measure(pool, prisma, SMALL);
    console.error(`${SMALL} records measured; copying ${LARGE} in`);
    await fill(pool, SMALL, LARGE);
    const large = await measure(pool, prisma, LARGE);
    report(small, large);
  } finally {
    await prisma.$disconnect();
    await pool.end();
  }
} finally {
  await postgres.stop();
  await rm(dir, { recursive: true, force: true });
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

async function fill(pool, from, to) {
  const client = await pool.connect();
  try {
    await client.query('SET statement_timeout = 0');
    const columns = 'index, type, leaf_hash, key_id, sequence, licence, weights, initial_weights, order_id, actor, at';
    const lines = (function* () {
      for (let i = from; i < to; i++) yield row(i);
    })();
    const file = path.join(dir, `${to}.tsv`);
    await pipeline(Readable.from(lines), createWriteStream(file));
    await client.query(`COPY log_records (${columns}) FROM '${file}'`);
    await client.query('UPDATE relay_cursor SET next_index = $1, record_count = $1', [to]);
    await client.query('VACUUM ANALYZE log_records');
  } finally {
    client.release(true);
  }
}

/** p95 of each list, in ms, at places all over the log: the lowest of some rounds, since others use this machine too. */
async function measure(pool, prisma, size) {
  const [records, lineage] = [new RecordRepository(prisma), new LineageRepository(pool)];
  const runs = size / 4;
  const at = (i) => ({ first: 50, after: BigInt(Math.floor(((i * 7919) % PER_ROUND) * (size / PER_ROUND) * 0.9)) });
  const runAt = (i) => Math.floor(((i * 7919) % PER_ROUND) * (runs / PER_ROUND));
  const top = { first: 20, after: undefined };
  const lists = {
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
  const p95 = {};
  for (const [name, list] of Object.entries(lists)) {
    for (let i = 0; i < 40; i++) await list(i);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const times = [];
      for (let i = 0; i < PER_ROUND; i++) {
        const started = performance.now();
        await list(i);
        times.push(performance.now() - started);
      }
      rounds.push(times.sort((a, b) => a - b)[Math.floor(PER_ROUND * 0.95)]);
    }
    p95[name] = Math.min(...rounds);
    console.error(`${String(size).padStart(9)} records  ${name.padEnd(24)} p95 ${p95[name].toFixed(2)} ms`);
  }
  return p95;
}

function report(small, large) {
  const figures = Object.keys(small).flatMap((name) => [
    { name: `${name}: p95 at ${LARGE}`, value: round(large[name]), unit: 'ms', target: null, met: null },
    {
      name: `${name}: p95 at ${LARGE} over p95 at ${SMALL}`,
      value: round(large[name] / small[name]),
      unit: 'ratio',
      target: MAX_RATIO,
      met: large[name] / small[name] <= MAX_RATIO,
    },
  ]);
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()[0].toFixed(1)}`;
  console.log(JSON.stringify({ bench: 'history', machine, figures }));
}

function round(value) {
  return Math.round(value * 100) / 100;
}
