import type { Client } from 'pg';

/**
 * The log's own tables, in a schema of its own. Insert-only but for the one row of `log_state`, which is the fence: a
 * batch commits only if the size is still the one that it was built on. Never a sequence as index: its gaps are holes.
 * Append to this list, never change what has been released.
 */
const MIGRATIONS = [
  `CREATE TABLE tlog.log_state (
     singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
     origin text NOT NULL,
     size bigint NOT NULL CHECK (size >= 0)
   );
   CREATE TABLE tlog.entries (
     idx bigint PRIMARY KEY CHECK (idx >= 0),
     leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
     data bytea NOT NULL
   );
   ALTER TABLE tlog.entries ALTER data SET STORAGE EXTERNAL;
   CREATE UNIQUE INDEX entries_leaf_hash ON tlog.entries (leaf_hash);
   CREATE TABLE tlog.tiles (
     level int NOT NULL,
     n bigint NOT NULL,
     data bytea NOT NULL CHECK (length(data) = 8192),
     PRIMARY KEY (level, n)
   );
   CREATE TABLE tlog.checkpoints (
     size bigint PRIMARY KEY,
     note text NOT NULL,
     signed_at timestamptz NOT NULL DEFAULT now()
   );`,
  `CREATE TABLE tlog.published (
     size bigint PRIMARY KEY REFERENCES tlog.checkpoints,
     root bytea NOT NULL CHECK (length(root) = 32),
     note text NOT NULL,
     signatures text[] NOT NULL,
     published_at timestamptz NOT NULL DEFAULT now()
   );`,
  // Raises instead of matching nothing, so that fence and COMMIT can be one message to the server.
  `CREATE FUNCTION tlog.move_fence(was bigint, becomes bigint, its_note text) RETURNS void LANGUAGE plpgsql AS $$
   BEGIN
     UPDATE tlog.log_state SET size = becomes WHERE size = was;
     IF NOT FOUND THEN
       RAISE EXCEPTION 'the log does not have % entries', was USING ERRCODE = 'serialization_failure';
     END IF;
     INSERT INTO tlog.checkpoints (size, note) VALUES (becomes, its_note);
   END $$;`,
  `CREATE TABLE tlog.exports (
     place text PRIMARY KEY,
     bundles bigint NOT NULL CHECK (bundles >= 0)
   );`,
];

/** Brings the schema up to date. Idempotent; two processes at once wait for each other. */
export async function migrate(client: Client): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('weighbridge tlog migration'))`);
    await client.query('CREATE SCHEMA IF NOT EXISTS tlog');
    await client.query('CREATE TABLE IF NOT EXISTS tlog.schema_version (version int PRIMARY KEY)');
    const { rows } = await client.query<{ version: number }>(
      'SELECT coalesce(max(version), 0)::int AS version FROM tlog.schema_version',
    );
    for (let version = rows[0]?.version ?? 0; version < MIGRATIONS.length; version++) {
      await client.query(MIGRATIONS[version] ?? '');
      await client.query('INSERT INTO tlog.schema_version VALUES ($1)', [version + 1]);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
