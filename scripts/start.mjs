#!/usr/bin/env node
// `npm run demo`, `npm run dev`: installs what is missing, then runs a program of ours under the installed Node.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node scripts/start.mjs PROGRAM [ARGS], with PROGRAM one of dist/programs');
  process.exit(2);
}
const setup = spawnSync(process.execPath, [path.join(root, 'scripts/setup.mjs')], { stdio: 'inherit' });
if (setup.status !== 0) process.exit(1);
const node = path.join(root, 'node_modules/.bin/node');
const child = spawn(node, ['--enable-source-maps', path.join(root, 'dist/programs', `${program}.js`), ...args], {
  cwd: root,
  env: { ...process.env, NODE_COMPILE_CACHE: path.join(root, '.weighbridge/compile-cache') },
  stdio: 'inherit',
});
// A terminal sends Ctrl-C to both; the program stops its services and we report how it ended.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
