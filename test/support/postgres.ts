import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deployDatabase } from '../../scripts/prisma.mjs';
import { startPostgres, type EmbeddedPostgres } from '../../web3/devnet/postgres.js';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';
import { freePort } from '../../web3/devnet/service.js';

/** The database of API and workers; a log makes tables of its own. */
export const MIGRATED_DATABASE = 'weighbridge';

/** A PostgreSQL of its own in `dir`, as `startPostgres` makes it, with a database that every migration was applied to. */
export async function startTestPostgres(
  dir: string,
  port: number,
  settings: Record<string, string> = {},
): Promise<EmbeddedPostgres> {
  await preparePostgres(dir);
  return startPostgres(dir, port, settings);
}

/**
 * Puts into `dir` what `startPostgres` would make there, and the migrated database. It is copied: `initdb` and the Prisma CLI take
 * seconds of a core, for the same bytes every time.
 */
export async function preparePostgres(dir: string): Promise<void> {
  const data = path.join(dir, 'data');
  if (existsSync(data)) return;
  cpSync(await migratedCluster(), data, { recursive: true });
  chmodSync(data, 0o700);
}

/** A cluster that nobody serves from, made by whoever needs it first; of two that race, one is thrown away. */
async function migratedCluster(): Promise<string> {
  const kept = path.join(repositoryRoot(), '.weighbridge/test-postgres');
  const cluster = path.join(kept, digestOfMigrations());
  if (existsSync(cluster)) return cluster;
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-pg-'));
  try {
    await makeCluster(dir);
    mkdirSync(kept, { recursive: true });
    const copy = mkdtempSync(path.join(kept, 'new-'));
    cpSync(path.join(dir, 'data'), copy, { recursive: true });
    try {
      renameSync(copy, cluster);
    } catch (error) {
      rmSync(copy, { recursive: true });
      if (!existsSync(cluster)) throw error;
    }
    return cluster;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function makeCluster(dir: string): Promise<void> {
  const postgres = await startPostgres(dir, await freePort(), { fsync: 'off' });
  try {
    deployDatabase(postgres.url(MIGRATED_DATABASE));
  } finally {
    await postgres.stop();
  }
}

/** Of the migrations, and of the packages, PostgreSQL among them. */
function digestOfMigrations(): string {
  const root = repositoryRoot();
  const entries = readdirSync(path.join(root, 'prisma/migrations'), { recursive: true, withFileTypes: true });
  const migrations = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of [path.join(root, 'package.json'), ...migrations.toSorted()]) {
    hash
      .update(`${path.relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
