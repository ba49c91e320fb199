#!/usr/bin/env node
// `npm run build`: TypeScript to `dist`, and of that the programs, bundled, to `dist/programs`. Does nothing twice.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePrograms, digestOf, THREADS } from './bundle.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');

/** Everything that is started as a file of its own. */
const PROGRAMS = {
  api: 'src/main.js',
  // A workspace package of plain JavaScript: it is not copied to `dist`.
  ceramic: '../web3/ceramic/engine/main.mjs',
  cli: 'src/cli/main.js',
  dealer: 'web3/keynode/dealer-main.js',
  demo: 'web3/devnet/demo/main.js',
  devnet: 'web3/devnet/main.js',
  'key-node': 'web3/keynode/main.js',
  log: 'src/provenance/log-main.js',
  provider: 'web3/filecoin/provider/main.js',
  witness: 'web3/witness/main.js',
  worker: 'workers/main.js',
};

/** Of these folders TypeScript reads nothing. */
const FOREIGN = /^(workers\/trainer|web3\/contracts)\/|\/node_modules\//;

compile();
if (await bundlePrograms(dist, { ...PROGRAMS, ...THREADS }, path.join(dist, 'programs'))) {
  // Node keeps the machine code of every program that it ever ran; most of it is of bundles that are gone.
  rmSync(path.join(root, '.weighbridge/compile-cache'), { recursive: true, force: true });
}

/** Unless `dist` was made of these very sources: to find that out takes the compiler two seconds, and us a tenth of one. */
function compile() {
  const stamp = path.join(dist, '.sources');
  const digest = digestOf(sources());
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  rmSync(stamp, { force: true }); // the compiler writes what has errors, too
  const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  writeFileSync(stamp, digest ?? '');
}

/** What the compiler reads of ours, as `tsconfig.build.json` says, and what decides about the rest. */
function sources() {
  const found = ['src', 'web3', 'workers'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  const ours = found.filter((file) => /\.(m?ts|json)$/.test(file) && !file.endsWith('.spec.ts') && !FOREIGN.test(file));
  const rules = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  return [...rules, ...ours.sort((a, b) => (a < b ? -1 : 1))].map((file) => path.join(root, file));
}
