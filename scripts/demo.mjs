#!/usr/bin/env node
// `npm run demo`: installs what is missing, then runs the story on a devnet of its own.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const setup = spawnSync(process.execPath, [path.join(root, 'scripts/setup.mjs')], { stdio: 'inherit' });
if (setup.status !== 0) process.exit(1);
const node = path.join(root, 'node_modules/.bin/node');
const demo = spawnSync(node, [path.join(root, 'dist/web3/devnet/demo/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(demo.status ?? 1);
