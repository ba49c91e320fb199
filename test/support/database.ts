import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort, type Service } from '../../web3/devnet/service.js';
import { MIGRATED_DATABASE, startTestPostgres } from './postgres.js';

export interface TestDatabase extends Service {
  url: string;
  /** Shuts the server down, as an operator does, and starts it again with the same data. */
  restart(): Promise<void>;
}

/** What survives a crash of the machine is not what these tests are about; a crash of a process loses nothing by it. */
const SETTINGS = { fsync: 'off' };

/** A real PostgreSQL of its own in a temporary folder, with every migration applied. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-pg-'));
  const port = await freePort();
  const postgres = await startTestPostgres(dir, port, SETTINGS);
  const url = postgres.url(MIGRATED_DATABASE);
  return {
    url,
    restart: async () => {
      await postgres.stop();
      await startTestPostgres(dir, port, SETTINGS);
    },
    stop: async () => {
      await waitForNobody(url);
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A library that is still hanging up when its server ends takes that for an error: waits for it, five seconds at most. */
async function waitForNobody(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const others = 'SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  for (let i = 0; i < 50 && (await client.query(others)).rowCount !== 0; i++) await sleep(100);
  await client.end();
}
