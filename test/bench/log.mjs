// How fast the log takes entries, durably, beside what one would take instead. Every rate in one run, each with the fsync
// latency of its moment: disks differ thirtyfold, and only ratios within a run travel.
//   npm run --silent bench -- log [--seconds 5] [--entries 1000000] [--only raw,offered,...]
// Callers are closed loops in the log's own process, as Tessera's are in its own; entries have 1.3 kB. Real: PostgreSQL with
// fsync and synchronous_commit on, sequencer, signatures. Absent: HTTP, chain, witnesses.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { naiveChain } from './peers/naive-chain.mjs';
import { tessera } from './peers/tessera.mjs';
import { cpuOfPostgres } from './support/cpu.mjs';
import { closedLoop, offered } from './support/load.mjs';
import { fsyncLatency, openDatabase, openPostgres, openSigner, startLog } from './support/log-host.mjs';
import { signedEnvelopes, verifierPool } from './support/signed-load.mjs';

const ENTRY_BYTES = 1300;
const FILL_LIMIT_MS = 240_000;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    entries: { type: 'string', default: '1000000' },
    only: { type: 'string', default: 'naive,raw,offered,signed,growth' },
  },
});
const durationMs = Number(values.seconds) * 1000;
const wanted = new Set(values.only.split(','));

const dir = mkdtempSync(path.join(os.tmpdir(), 'weighbridge-bench-log-'));
const figures = [];
const say = (text) => console.error(text);
const postgres = await openPostgres(dir);
const signer = openSigner(dir);
const postgresData = path.join(dir, 'postgres/data');
try {
  const naive = wanted.has('naive') ? await measureNaive() : undefined;
  if (wanted.has('raw')) await measureRaw(naive);
  if (wanted.has('offered')) await measureOffered();
  if (wanted.has('signed')) await measureSigned();
  if (wanted.has('growth')) await measureGrowth(Number(values.entries));
} finally {
  await postgres.stop();
  rmSync(dir, { recursive: true, force: true });
}
const machine = {
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
};
console.log(JSON.stringify({ bench: 'log', machine, figures }));

async function measureNaive() {
  const fsync = fsyncNow();
  const databaseUrl = await openDatabase(postgres, 'naive');
  const result = await naiveChain({ databaseUrl, entry: entryMaker(), durationMs });
  figure('naive hash chain, one transaction an append', result.rate, 'entries/s', { fsync });
  return result.rate;
}

async function measureRaw(naive) {
  for (const callers of [512, 2048, 4096]) {
    const fsync = fsyncNow();
    const ours = await withLog(`raw_${callers}`, async ({ append }) => {
      await closedLoop({ callers, append, entry: entryMaker(), durationMs: 1_000 });
      return measured(async () => closedLoop({ callers, append, entry: entryMaker(), durationMs }));
    });
    const target = { 512: 25_000, 4096: 40_000 }[callers];
    figure(`raw appends, ${callers} callers`, ours.rate, 'entries/s', {
      target: target && `at least ${target}`,
      met: target && ours.rate >= target,
      fsync,
    });
    latencies(`raw appends, ${callers} callers`, ours);
    figure(`raw appends, ${callers} callers: CPU of the log process`, ours.nodeUs, 'us/entry');
    figure(`raw appends, ${callers} callers: CPU of PostgreSQL`, ours.postgresUs, 'us/entry');
    if (naive !== undefined && callers === 4096)
      ratio('raw appends, 4096 callers, to the naive chain', ours.rate / naive, 5);
    if (callers !== 4096) await beside(callers, ours.rate);
  }
}

/** Tessera's POSIX driver with as many callers, right after ours. */
async function beside(callers, rate) {
  const fsync = fsyncNow();
  const peer = await tessera({ dir, callers, entryBytes: ENTRY_BYTES, durationMs });
  if (peer.skipped !== undefined) return say(`SKIPPED Tessera: ${peer.skipped}`);
  figure(`Tessera POSIX, ${callers} callers`, peer.rate, 'entries/s', { fsync });
  latencies(`Tessera POSIX, ${callers} callers`, peer);
  ratio(`raw appends, ${callers} callers, to Tessera POSIX`, rate / peer.rate, 1);
}

async function measureOffered() {
  const fsync = fsyncNow();
  const result = await withLog('offered', async ({ append }) =>
    offered({ perSecond: 2_000, append, entry: entryMaker(), durationMs: Math.max(durationMs, 5_000) }),
  );
  figure('offered 2000/s: appended', result.rate, 'entries/s', { fsync });
  figure('offered 2000/s: p50', result.p50, 'ms');
  figure('offered 2000/s: p99', result.p99, 'ms', { target: 'at most 40', met: result.p99 <= 40 });
}

/**
 * Each entry's Ed25519 DSSE signature verified in worker threads, by libsodium, before it is appended. Against the signatures
 * that the cores verify when they do nothing else at all (no parsing, no entries, no log): with Node's own verifier, which is
 * what a team would write, and with libsodium.
 */
async function measureSigned() {
  const { envelopes, publicKey } = signedEnvelopes(ENTRY_BYTES, 4_096);
  const pool = await verifierPool(publicKey);
  const load = { envelopes, callers: 8_192, durationMs };
  try {
    const node = await pool.rateAlone('node', envelopes[0], durationMs);
    figure("Ed25519 signatures verified by all cores with Node's crypto, and nothing else", node, 'signatures/s');
    const before = process.cpuUsage();
    const alone = await pool.rateAlone('libsodium', envelopes[0], durationMs);
    const { user, system } = process.cpuUsage(before);
    // Of CPU, not of time: others may use the cores too.
    const signatureUs = (user + system) / (alone * (durationMs / 1000));
    figure('the same with libsodium', alone, 'signatures/s');
    const parsed = await pool.load({ ...load, append: async () => {} });
    figure('DSSE envelopes parsed and verified, no log', parsed.rate, 'entries/s');
    const fsync = fsyncNow();
    const both = await withLog('signed', async ({ append }) => measured(() => pool.load({ ...load, append })));
    figure('appends, each signature verified first', both.rate, 'entries/s', { fsync });
    ratio("appends, each signature verified first, to the signatures alone with Node's crypto", both.rate / node, 0.9);
    const withSodium = 'appends, each signature verified first, to the signatures alone with libsodium';
    figure(withSodium, both.rate / alone, 'ratio');
    // Log, PostgreSQL and callers share the cores with the signatures: what they take an entry, nobody verifies in.
    const restUs = both.nodeUs + both.postgresUs - signatureUs;
    figure('appends, each signature verified first: CPU beside the signature', restUs, 'us/entry');
    figure(`${withSodium}: the most that these cores allow`, signatureUs / (signatureUs + restUs), 'ratio');
    figure('appends, each signature verified first, to parsed and verified', both.rate / parsed.rate, 'ratio');
  } finally {
    await pool.stop();
  }
}

/** What an append costs in a small log and in a large one, and what memory does on the way. */
async function measureGrowth(entries) {
  await withLog('growth', async ({ append, size }) => {
    const cost = async () =>
      measured(async () => closedLoop({ callers: 512, append, entry: entryMaker(), durationMs: 2_000 }));
    await closedLoop({ callers: 512, append, entry: entryMaker(), durationMs: 1_000 });
    const small = await cost();
    say(`at ${size()} entries; filling up to ${entries}`);
    const memory = [];
    const from = performance.now();
    while (size() < entries && performance.now() - from < FILL_LIMIT_MS) {
      await closedLoop({ callers: 2_048, append, entry: entryMaker(), durationMs: 2_000 });
      globalThis.gc?.();
      memory.push(process.memoryUsage().rss);
      say(`${size()} entries, ${Math.round(memory.at(-1) / 2 ** 20)} MiB`);
    }
    if (size() < entries) say(`stopped filling after ${FILL_LIMIT_MS / 1000} s`);
    const large = await cost();
    figure('growth: entries in the log', size(), 'entries');
    const costs = [small, large].map(({ nodeUs, postgresUs }) => nodeUs + postgresUs);
    figure('growth: CPU of an append, new log', costs[0], 'us/entry');
    figure(`growth: CPU of an append, large log`, costs[1], 'us/entry');
    figure('growth: CPU of an append, large to new', costs[1] / costs[0], 'ratio', {
      target: 'at most 1.25',
      met: costs[1] / costs[0] <= 1.25,
    });
    const third = Math.ceil(memory.length / 3);
    const growth = Math.max(...memory.slice(-third)) / Math.max(...memory.slice(0, third));
    figure('growth: memory of the log process, last third to first', growth, 'ratio', {
      target: 'at most 1.1',
      met: growth <= 1.1,
    });
  });
}

async function withLog(name, work) {
  const log = await startLog({ databaseUrl: await openDatabase(postgres, name), signer });
  try {
    const append = (entry) => log.service.append(entry);
    return await work({ append, size: () => log.service.committed().edge.size });
  } finally {
    await log.stop();
  }
}

/** A load with the CPU that it took, an entry: ours with the callers, PostgreSQL's with all its processes. */
async function measured(load) {
  const before = { node: process.cpuUsage(), postgres: cpuOfPostgres(postgresData) };
  const result = await load();
  const { user, system } = process.cpuUsage(before.node);
  return {
    ...result,
    nodeUs: (user + system) / result.count,
    postgresUs: (cpuOfPostgres(postgresData) - before.postgres) / result.count,
  };
}

/** Makes distinct entries cheaply: random bytes once, and a count. */
function entryMaker() {
  const template = randomBytes(ENTRY_BYTES);
  let made = 0;
  return () => {
    const entry = Buffer.allocUnsafe(ENTRY_BYTES);
    template.copy(entry);
    entry.writeDoubleBE(made++, 0);
    return entry;
  };
}

function fsyncNow() {
  return fsyncLatency(dir);
}

function latencies(name, { p50, p99 }) {
  figure(`${name}: p50`, p50, 'ms');
  figure(`${name}: p99`, p99, 'ms');
}

function ratio(name, value, least) {
  figure(name, value, 'ratio', { target: `at least ${least}`, met: value >= least });
}

/**
 * Notes one figure and says it.
 * @param {{ target?: string, met?: boolean, fsync?: { p50: number, p99: number } }} [more]
 */
function figure(name, value, unit, more = {}) {
  const { target, met, fsync } = more;
  const row = (rowName, number, itsUnit) => ({ name: rowName, value: Math.round(number * 1000) / 1000, unit: itsUnit });
  figures.push({ ...row(name, value, unit), target: target ?? null, met: met ?? null });
  if (fsync) figures.push({ ...row(`${name}: fsync before it, p50`, fsync.p50, 'ms'), target: null, met: null });
  const parts = [name, `${value.toFixed(2)} ${unit}`];
  if (target !== undefined) parts.push(`(${target}: ${met === true ? 'met' : 'NOT met'})`);
  if (fsync) parts.push(`fsync p50 ${fsync.p50.toFixed(2)} ms, p99 ${fsync.p99.toFixed(2)} ms`);
  say(parts.join('  '));
}
