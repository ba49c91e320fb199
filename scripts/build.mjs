#!/usr/bin/env node
// `npm run build`: TypeScript to `dist`, and of that the programs, bundled, to `dist/programs`. Does nothing twice.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePrograms, THREADS } from './bundle.mjs';

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

const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(1);
await bundlePrograms(dist, { ...PROGRAMS, ...THREADS }, path.join(dist, 'programs'));
