#!/usr/bin/env node
// Writes schema.graphql from the resolvers; `--check` fails if the committed file is not what they say. Clients generate
// code from it, and a reviewer sees there what a change does to the API.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const file = path.join(root, 'schema.graphql');

const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
const built = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, encoding: 'utf8' });
if (built.status !== 0) {
  console.error(`schema: the sources do not compile\n${built.stdout}${built.stderr}`);
  process.exit(1);
}
const { schemaText } = await import(path.join(root, 'dist/src/schema-text.js'));
const text = await schemaText();
const committed = existsSync(file) ? readFileSync(file, 'utf8') : '';

if (!process.argv.includes('--check')) {
  if (text !== committed) writeFileSync(file, text);
  console.log(`schema: ${text === committed ? 'unchanged' : 'written'}`);
} else if (text === committed) {
  console.log('schema: up to date');
} else {
  console.error('schema: schema.graphql is not what the resolvers say; run "node scripts/schema.mjs" and commit it');
  process.exitCode = 1;
}
