import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { deployDatabase } from '../../scripts/prisma.mjs';
import { startPostgres } from '../../web3/devnet/postgres.js';
import { freePort, type Service } from '../../web3/devnet/service.js';

export interface TestDatabase extends Service {
  url: string;
  /** Shuts the server down, as an operator does, and starts it again with the same data. */
  restart(): Promise<void>;
}

/** A real PostgreSQL of its own in a temporary folder, with every migration applied. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-pg-'));
  const port = await freePort();
  const postgres = await startPostgres(dir, port);
  const url = postgres.url('weighbridge');
  try {
    await turnOffFsync(postgres.url('postgres'));
    deployDatabase(url);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return {
    url,
    restart: async () => {
      await postgres.stop();
      await startPostgres(dir, port);
    },
    stop: async () => {
      await waitForNobody(url);
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** What survives a crash of the machine is not what these tests are about; a crash of a process loses nothing by it. */
async function turnOffFsync(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('ALTER SYSTEM SET fsync = off');
  await client.query('SELECT pg_reload_conf()');
  await client.end();
}

/** A library that is still hanging up when its server ends takes that for an error: waits for it, five seconds at most. */
async function waitForNobody(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const others = 'SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  for (let i = 0; i < 50 && (await client.query(others)).rowCount !== 0; i++) await sleep(100);
  await client.end();
}
