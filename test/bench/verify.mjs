// How long a verifier takes: one receipt in Node and in a browser, and a whole log of 1.3 kB entries through the command line.
//   npm run --silent bench -- verify [--entries 1000000]
// Real: the receipt's records and signatures, the verifier, Chromium where it is installed, the log's files and its tree.
import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { nodeHasher } from '../../dist/src/provenance/log/node-hasher.js';
import { noteSigner } from '../../dist/src/provenance/log/signers.js';
import { Edge } from '../../dist/src/provenance/tiles/edge.js';
import { encodeBundle } from '../../dist/src/provenance/tiles/bundle.js';
import { TILE_WIDTH, tilePath } from '../../dist/src/provenance/tiles/tile-path.js';
import { loadTypeScript } from './support/load-typescript.mjs';

const ENTRY_BYTES = 1300;
const ROUNDS = 30;
const ORIGIN = 'bench.example/log';
const root = path.resolve(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { entries: { type: 'string', default: '1000000' } } });
const say = (text) => console.error(text);
const figures = [];
const figure = (name, value, unit, target = null, met = null) =>
  figures.push({ name, value: Math.round(value * 1000) / 1000, unit, target, met });

const dir = mkdtempSync(path.join(os.tmpdir(), 'weighbridge-bench-verify-'));
try {
  await measureReceipt();
  measureLog(Number(values.entries));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const machine = {
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
};
console.log(JSON.stringify({ bench: 'verify', machine, figures }));

async function measureReceipt() {
  say('one receipt');
  const made = await loadTypeScript(path.join(import.meta.dirname, 'verify/made-receipt.ts'));
  const receipt = await made.storyReceipt({ witnessed: true });
  figure('receipt', receipt.length, 'bytes');
  const node = await medianMs(async () => {
    if (!(await made.verifyReceipt(receipt, made.witnessed)).ok) throw new Error('the receipt does not hold');
  });
  figure('one receipt in Node, median', node, 'ms', '< 50', node < 50);
  if (!made.hasBrowser) return say('SKIPPED: no Chromium here');
  const { page, close } = await made.openPage(
    await made.bundleForBrowser(path.join(root, 'src/provenance/verify/index.ts')),
  );
  const times = await page.evaluate(
    `(async ([text, trust]) => {
      const times = [];
      for (let i = 0; i < ${ROUNDS}; i++) {
        const from = performance.now();
        const { ok } = await window.module.verifyReceipt(new TextEncoder().encode(text), trust);
        times.push(ok ? performance.now() - from : NaN);
      }
      return times;
    })(${JSON.stringify([new TextDecoder().decode(receipt), made.witnessed])})`,
  );
  await close();
  figure('one receipt in Chromium, median', median(times), 'ms', '< 50', median(times) < 50);
}

async function medianMs(run) {
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    const from = performance.now();
    await run();
    times.push(performance.now() - from);
  }
  return median(times);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function measureLog(entries) {
  say(`a log of ${entries} entries, written as files`);
  const vkey = writeLog(entries);
  // The first run finds the files in the cache of pages, having just written them, as the second does; the better one counts.
  const runs = [1, 2].map(() => {
    const run = spawnSync(process.execPath, [
      path.join(root, 'bin/weighbridge.mjs'),
      ...['verify', '--log', dir, '--vkey', vkey, '--json'],
    ]);
    const verdict = JSON.parse(run.stdout.toString());
    if (run.status !== 0 || !verdict.ok || verdict.size !== entries) throw new Error('the log does not hold');
    return verdict.seconds;
  });
  const seconds = Math.min(...runs);
  figure(`a log of ${entries} entries of ${ENTRY_BYTES} bytes`, seconds, 's', '< 10', seconds < 10);
  figure('entries verified', entries / seconds, 'entries/s');
  figure('the same bytes through SHA-256 alone, one core', hashAloneSeconds(entries), 's');
}

/** A tree as the log makes it, entry bundles and hash tiles in a folder. @returns its verifier key */
function writeLog(entries) {
  const write = (name, data) => {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    writeFileSync(path.join(dir, name), data);
  };
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
  const signer = noteSigner(ORIGIN, pem.toString());
  const edge = Edge.empty(nodeHasher);
  for (let from = 0; from < entries; from += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, entries - from);
    const some = Array.from({ length: width }, (_, i) => entryOf(from + i));
    for (const tile of edge.append(some.map(nodeHasher.leaf)))
      write(tilePath({ ...tile, width: TILE_WIDTH }), tile.data);
    write(tilePath({ level: 'entries', index: from / TILE_WIDTH, width }), encodeBundle(some));
  }
  for (let level = 0; level < 8; level++) {
    const hashes = edge.partial(level);
    const index = Math.floor(entries / TILE_WIDTH ** (level + 1));
    if (hashes.length > 0) write(tilePath({ level, index, width: hashes.length }), Buffer.concat(hashes));
  }
  write('checkpoint', signer.sign(entries, edge.root()));
  return signer.vkey;
}

function entryOf(index) {
  return Buffer.alloc(ENTRY_BYTES, `entry ${index} `);
}

function hashAloneSeconds(entries) {
  const from = performance.now();
  const bundle = readFileSync(path.join(dir, tilePath({ level: 'entries', index: 0, width: TILE_WIDTH })));
  for (let done = 0; done < entries; done += TILE_WIDTH) createHash('sha256').update(bundle).digest();
  return (performance.now() - from) / 1000;
}
