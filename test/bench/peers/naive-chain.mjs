import { createHash } from 'node:crypto';
import pg from 'pg';
import { closedLoop } from '../support/load.mjs';

const CONNECTIONS = 16;

/**
 * What one writes first: a hash chain in a table, one durable transaction an append, the head's row locked meanwhile.
 * Prepared statements and as many connections as it can use; more callers than that only wait.
 */
export async function naiveChain({ databaseUrl, entry, durationMs }) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });
  await pool.query(`CREATE TABLE chain_head (hash bytea NOT NULL, size bigint NOT NULL);
    INSERT INTO chain_head VALUES ('\\x00', 0);
    CREATE TABLE chain (idx bigint PRIMARY KEY, hash bytea NOT NULL, data bytea NOT NULL)`);
  const append = async (data) => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query({ name: 'head', text: 'SELECT hash, size FROM chain_head FOR UPDATE' });
      const hash = createHash('sha256').update(rows[0].hash).update(data).digest();
      const values = [rows[0].size, hash, data];
      await client.query({ name: 'insert', text: 'INSERT INTO chain VALUES ($1, $2, $3)', values });
      await client.query({ name: 'move', text: 'UPDATE chain_head SET hash = $1, size = size + 1', values: [hash] });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
  try {
    await closedLoop({ callers: 64, append, entry, durationMs: 500 });
    return await closedLoop({ callers: 64, append, entry, durationMs });
  } finally {
    await pool.end();
  }
}
