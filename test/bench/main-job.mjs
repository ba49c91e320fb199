// Where the time of one job goes, on a devnet of its own: each state, and what is left when training is taken away.
// Also how fast files are published. Run by hand: npm run --silent bench -- main-job
//   --sizes 100,512   MiB of CSV to publish   --runs 5   of each   --only publish   without the jobs
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { mustRun } from '../../dist/web3/devnet/demo/cli.js';
import { startDevnet } from '../../dist/web3/devnet/devnet.js';
import { measurePublishes } from './main-job/publishes.mjs';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '100,512' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});

const root = path.resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(path.join(os.tmpdir(), 'weighbridge-bench-'));
const distDir = path.join(root, 'dist');
const examples = path.join(root, 'examples');
const terms = path.join(examples, 'terms.json');
const say = (text) => console.error(text);
const figures = [];
const figure = (name, value, unit, target = null, met = null) =>
  figures.push({ name, value: Math.round(value * 1000) / 1000, unit, target, met });

const devnet = await startDevnet({
  dir: path.join(dir, 'net'),
  distDir,
  onStep: (name, ms) => say(`${name}: ${ms} ms`),
});
const pool = new pg.Pool({ connectionString: devnet.databaseUrl, max: 1 });
try {
  const digits = await publishDigits();
  if (values.only !== 'publish') await measureJobs(digits);
  const sizes = values.sizes.split(',').map(Number);
  await measurePublishes(as('seller'), { dir, terms, sizes, runs: Number(values.runs), say, figure });
} finally {
  await pool.end();
  await devnet.stop();
  rmSync(dir, { recursive: true, force: true });
}
const machine = {
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
};
console.log(JSON.stringify({ bench: 'main-job', machine, figures }));

function as(who) {
  return { distDir, networkFile: devnet.layout.networkFile, keyFile: devnet.layout.keyFile(who), cwd: dir };
}

async function timed(name, work) {
  say(name);
  const from = performance.now();
  const result = await work();
  const ms = performance.now() - from;
  figure(name, ms / 1000, 's');
  return { result, ms };
}

async function publishDigits() {
  const columns = ['--columns', path.join(examples, 'digits.columns.json')];
  const offer = ['--label', 'digit', '--title', 'Digits', '--price', '5', '--terms', terms];
  const args = ['publish', path.join(examples, 'digits.csv'), ...offer, ...columns];
  return (await timed('publish digits', () => mustRun(args, as('seller')))).result.id;
}

/** Twice: the first job also pays for connections that later ones find open. */
async function measureJobs(dataset) {
  for (const run of ['first job', 'second job']) {
    const states = watchStates();
    const out = ['--out', path.join(dir, `${run}.safetensors`), '--receipt', path.join(dir, `${run}.json`)];
    const args = ['train', '--dataset', dataset, '--recipe', 'mlp', '--epochs', '20', '--purpose', 'research', ...out];
    await timed(`${run}: as the buyer waits`, () => mustRun(args, as('buyer')));
    const spent = await states.stop();
    for (const [state, ms] of Object.entries(spent)) figure(`${run}: ${state}`, ms / 1000, 's');
    const totalMs = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
    const fixedMs = totalMs - (spent['training steps'] ?? 0);
    figure(`${run}: fixed cost, all but training steps`, fixedMs / 1000, 's', 'under 8', fixedMs < 8_000);
    figure(`${run}: share of the fixed cost`, fixedMs / totalMs, 'of the job');
  }
}

/**
 * Samples the newest job's state every few milliseconds: how long it was in each. `training` is split: until the first
 * step is reported it is the key, the box and the compiler, which every job pays; after it, the training itself.
 */
function watchStates() {
  const spent = {};
  let running = true;
  let last = performance.now();
  const loop = (async () => {
    while (running) {
      const { rows } = await pool.query('SELECT state, progress_step > 0 AS steps FROM jobs ORDER BY seq DESC LIMIT 1');
      const now = performance.now();
      const row = rows[0];
      const state = row?.state === 'training' ? (row.steps ? 'training steps' : 'key, box and compiler') : row?.state;
      const counts = state !== undefined && state !== 'settled' && state !== 'refunded';
      if (counts) spent[state] = (spent[state] ?? 0) + now - last;
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const stop = async () => {
    running = false;
    await loop;
    return spent;
  };
  return { stop };
}
