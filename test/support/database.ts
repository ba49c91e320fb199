import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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
