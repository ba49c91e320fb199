#!/usr/bin/env node
// `npm run --silent bench -- NAME`: builds, then runs test/bench/NAME.mjs; its last line is the JSON of its figures. --help says what it takes.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [name, ...args] = process.argv.slice(2);
const benches = readdirSync(path.join(root, 'test/bench'))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length));
if (name === undefined || !benches.includes(name)) {
  console.error(`usage: npm run --silent bench -- NAME\nNAME is one of: ${benches.join(', ')}`);
  process.exit(2);
}
const file = path.join(root, 'test/bench', `${name}.mjs`);
if (args.includes('--help')) {
  // What each says of itself in its first lines.
  const [head = ''] = /^(\/\/.*\n)+/m.exec(readFileSync(file, 'utf8')) ?? [];
  console.log(head.replaceAll(/^\/\/ ?/gm, '').trimEnd());
  process.exit(0);
}
const setup = spawnSync(process.execPath, [path.join(root, 'scripts/setup.mjs')], { stdio: ['ignore', 2, 2] });
if (setup.status !== 0) process.exit(1);
const node = path.join(root, 'node_modules/.bin/node');
const bench = spawn(node, [file, ...args], { cwd: root, stdio: 'inherit' });
// A bench that serves ends when told to, and says how it ended.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => bench.kill(signal));
bench.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
