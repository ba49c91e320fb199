import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { deployDatabase } from '../../scripts/prisma.mjs';
import { startPostgres } from '../../web3/devnet/postgres.js';
import { freePort, type Service } from '../../web3/devnet/service.js';

export interface TestDatabase extends Service {
  url: string;
}

/** A real PostgreSQL of its own in a temporary folder, with every migration applied. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-pg-'));
  const postgres = await startPostgres(dir, await freePort());
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
    stop: async () => {
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
