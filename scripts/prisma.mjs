#!/usr/bin/env node
// Database set-up without a network: `generate` writes the client to src/generated/prisma, `deploy` creates the database
// of DATABASE_URL if it is absent and brings it to the newest migration. Anything else goes to the Prisma CLI as it is.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const COMMANDS = { generate: ['generate'], deploy: ['migrate', 'deploy'] };

/**
 * Runs one Prisma command and throws with what it printed if it fails.
 * @param {string[]} args
 * @param {{ databaseUrl?: string, stdio?: 'inherit' | 'pipe' }} [options]
 */
export function prisma(args, { databaseUrl, stdio = 'pipe' } = {}) {
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1', NO_COLOR: '1' };
  if (databaseUrl !== undefined) env.DATABASE_URL = databaseUrl;
  // The engine stand-in starts through `env node`: it too must get the Node of this project.
  const bin = path.join(root, 'node_modules/.bin');
  env.PATH = `${bin}${path.delimiter}${env.PATH ?? ''}`;
  const command = [path.join(root, 'node_modules/prisma/build/index.js'), ...args];
  const result = spawnSync(path.join(bin, 'node'), command, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', stdio, stdio],
  });
  if (result.status === 0) return;
  throw new Error(
    `prisma ${args.join(' ')} failed: ${result.error?.message ?? `${result.stdout ?? ''}${result.stderr ?? ''}`}`,
  );
}

/** Writes the Prisma client, as set-up needs it before the first build. */
export function generateClient() {
  prisma(COMMANDS.generate);
}

/** Creates the database if absent and applies the migrations that it lacks. Safe to call again, and from two processes. */
export function deployDatabase(databaseUrl) {
  prisma(COMMANDS.deploy, { databaseUrl });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...rest] = process.argv.slice(2);
  try {
    prisma([...(COMMANDS[name] ?? [name ?? 'help']), ...rest], { stdio: 'inherit' });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
