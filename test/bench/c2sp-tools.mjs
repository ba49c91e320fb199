// Others' C2SP tools, unchanged, against this log over HTTP: Tessera's hammer writes and reads it, Tessera's fsck rebuilds its tree,
// and torchwood's litewitness cosigns its checkpoints by way of the log's own witness client.
//   npm run --silent bench -- c2sp-tools [--entries 20000]
// Real: the tools, built here by Go at the versions below; the log, by the program `log-server`. Absent: chain, our witnesses.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startLitewitness } from './peers/litewitness.mjs';
import { startLogServer } from './support/log-server-process.mjs';
import { WitnessClient } from '../../dist/src/provenance/log/witness-client.js';
import { questionOf } from '../../dist/src/provenance/log/witness-cosigner.js';
import { parseNote } from '../../dist/src/provenance/verify/note.js';

const TOOLS = {
  fsck: 'github.com/transparency-dev/tessera/cmd/fsck@v1.0.4',
  hammer: 'github.com/transparency-dev/tessera/internal/hammer@v1.0.4',
  litewitness: 'filippo.io/torchwood/cmd/litewitness@v0.9.0',
};
const BUILD_LIMIT_MS = 300_000;
const HAMMER_LIMIT_S = 300;
const { values } = parseArgs({ options: { entries: { type: 'string', default: '20000' } } });
const entries = Number(values.entries);

const dir = mkdtempSync(path.join(os.tmpdir(), 'weighbridge-bench-c2sp-'));
const figures = [];
try {
  if (spawnSync('go', ['version']).status !== 0) throw new Error('these tools are built by Go, which is not installed');
  const bin = Object.fromEntries(Object.entries(TOOLS).map(([name, source]) => [name, built(name, source)]));
  const log = await startLogServer(path.join(dir, 'log'));
  try {
    const vkeyFile = path.join(dir, 'vkey');
    writeFileSync(vkeyFile, log.vkey);
    hammer(bin.hammer, log);
    await settled(log);
    fsck(bin.fsck, vkeyFile, `${log.url}/`, 'over HTTP');
    fsck(bin.fsck, vkeyFile, `file://${log.tilesDir}/`, 'of its folder of files');
    await cosigned(bin.litewitness, log);
  } finally {
    await log.stop();
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
console.log(
  JSON.stringify({ bench: 'c2sp-tools', machine: { cores: os.cpus().length, node: process.version }, figures }),
);

function built(name, source) {
  console.error(`building ${source}`);
  const env = { ...process.env, GOBIN: dir, GOFLAGS: '-mod=mod' };
  const { status, stderr } = spawnSync('go', ['install', source], { env, encoding: 'utf8', timeout: BUILD_LIMIT_MS });
  if (status !== 0) throw new Error(`${name} does not build here: ${stderr.trim().split('\n').at(-1)}`);
  return path.join(dir, name);
}

/** 256 writers, of whose entries each tenth is a repeat, with readers of all and of random entries, who check what they read. */
function hammer(binary, { url, vkey }) {
  const args = {
    log_public_key: vkey,
    log_url: `${url}/`,
    write_log_url: `${url}/`,
    num_writers: 256,
    max_write_ops: 5_000,
    num_readers_full: 8,
    num_readers_random: 64,
    max_read_ops: 1_000,
    leaf_min_size: 1_024,
    leaf_write_goal: entries,
    max_runtime: `${HAMMER_LIMIT_S}s`,
    show_ui: false,
  };
  const options = { encoding: 'utf8', timeout: (HAMMER_LIMIT_S + 30) * 1_000 };
  const { status, stderr } = spawnSync(
    binary,
    Object.entries(args).map(([k, v]) => `--${k}=${v}`),
    options,
  );
  // It warns of each request that failed and of each leaf that it could not read or prove; at its end it cancels its own.
  const complaints = stderr
    .split('\n')
    .filter((line) => /^[WEF]\d{4} /.test(line) && !line.includes('context canceled'));
  for (const line of complaints.slice(0, 5)) console.error(line);
  figure('hammer: exit status', status ?? -1, 'status', 0);
  figure('hammer: failed requests and proofs', complaints.length, 'warnings', 0);
}

/** Until what was appended last is in the files, too: it is exported once a second. */
async function settled({ url }) {
  for (let last = -1, size = 0; last !== size; last = size, size = (await checkpoint(url)).size) {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
}

function fsck(binary, vkeyFile, url, how) {
  const args = ['-storage_url', url, '-public_key', vkeyFile, '-N', '2', '-ui=false'];
  const { status, stderr } = spawnSync(binary, args, { encoding: 'utf8', timeout: 300_000 });
  const size = Number(/Successfully fsck'd log with size (\d+)/.exec(stderr)?.[1] ?? 0);
  if (status !== 0) console.error(stderr);
  figure(
    `fsck ${how}: entries whose tree was built again`,
    size,
    'entries',
    undefined,
    status === 0 && size >= entries,
  );
}

/** From nothing, then at three more sizes, each with a consistency proof from the last. */
async function cosigned(binary, { url, vkey, origin }) {
  const witness = await startLitewitness({ binary, dir: path.join(dir, 'witness'), origin, vkey });
  try {
    const client = new WitnessClient({ vkey: witness.vkey, url: witness.url });
    let count = 0;
    for (let i = 0; i < 4; i++) {
      const answer = await client.ask(questionOf(await checkpoint(url), async (name) => tile(url, name)));
      if (answer.kind === 'cosigned') count += 1;
      else console.error(answer.detail);
      await Promise.all(Array.from({ length: 300 }, async (_, n) => add(url, `litewitness ${i} ${n}`)));
      await settled({ url });
    }
    figure('litewitness: checkpoints cosigned of 4', count, 'checkpoints', undefined, count === 4);
  } finally {
    await witness.stop();
  }
}

async function checkpoint(url) {
  const note = await (await fetch(`${url}/checkpoint`)).text();
  const [, size, root] = parseNote(note).text.split('\n');
  return { size: Number(size), root: Buffer.from(root, 'base64'), note };
}

async function tile(url, name) {
  const answer = await fetch(`${url}/${name}`);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function add(url, body) {
  const answer = await fetch(`${url}/add`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`add: ${answer.status}`);
}

function figure(name, value, unit, most, met = value <= most) {
  figures.push({ name, value, unit, target: most === undefined ? 'all' : `at most ${most}`, met });
  console.error(`${name}  ${value} ${unit}  ${met ? 'met' : 'NOT met'}`);
}
