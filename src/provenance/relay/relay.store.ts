import type { Pool, PoolClient } from 'pg';
import type { Bytes32 } from '../../kernel/index.js';
import type { LogStretch, PublishedBatch, RelayStore } from './ports.js';
import { recordBatch, type RecordBatch } from './record-batch.js';

interface PendingRow {
  index: number;
  leaf_hash: string;
  at: Date;
}

interface BatchRow {
  key_id: Bytes32;
  seq: number;
  records: RecordBatch['records'];
  previous: string | null;
  from_time: Date;
  to_time: Date;
  origin: string;
  checkpoint: string;
}

/** Index, what waits for a batch, and the count of accesses, in one statement: the records are parsed once. */
const ADD_RECORDS = `
  WITH given AS (
    SELECT * FROM jsonb_to_recordset($1) AS r(index int, type text, "leafHash" text, "keyId" text, sequence int, "orderId" text,
                                              licence text, weights text, "initialWeights" text, actor text, at timestamptz)
  ), added AS (
    INSERT INTO log_records (index, type, leaf_hash, key_id, sequence, order_id, licence, weights, initial_weights, actor, at)
    SELECT index, type, "leafHash", "keyId", sequence, "orderId", licence, weights, "initialWeights", lower(actor), at FROM given
    ON CONFLICT (index) DO NOTHING
    RETURNING key_id, type
  ), waiting AS (
    INSERT INTO relay_pending (index, key_id, leaf_hash, at) SELECT index, "keyId", "leafHash", at FROM given
  )
  INSERT INTO access_counts (key_id, accesses)
  SELECT key_id, count(*) FROM added WHERE type = 'access-granted' GROUP BY key_id
  ON CONFLICT (key_id) DO UPDATE SET accesses = access_counts.accesses + excluded.accesses`;

/**
 * The relay's tables in PostgreSQL, by plain SQL: whole stretches of the log go in as arrays, and locks are explicit.
 */
export class PgRelayStore implements RelayStore {
  constructor(private readonly pool: Pool) {}

  async cursor(): Promise<number> {
    const { rows } = await this.pool.query<{ next_index: number }>('SELECT next_index FROM relay_cursor');
    return rows[0]?.next_index ?? 0;
  }

  async add({ from, to, records, checkpoint }: LogStretch): Promise<boolean> {
    return this.transaction(async (client) => {
      // Locks the cursor's row, so of two relays with the same stretch one moves it and the other finds it moved.
      const moved = await client.query(
        `UPDATE relay_cursor SET next_index = $2, checkpoint = $3, record_count = record_count + $4
         WHERE next_index = $1`,
        [from, to, checkpoint, records.length],
      );
      if (moved.rowCount !== 1) return false;
      await client.query(ADD_RECORDS, [JSON.stringify(records)]);
      return true;
    });
  }

  async dueKeys(minAgeMs: number, maxRecords: number): Promise<Bytes32[]> {
    const { rows } = await this.pool.query<{ key_id: Bytes32 }>(
      // From one key id to the next over the index, and one look at the oldest of each: a backlog costs no more.
      `WITH RECURSIVE keys AS (
         SELECT min(key_id) AS key_id FROM relay_pending
         UNION ALL
         SELECT (SELECT min(key_id) FROM relay_pending WHERE key_id > keys.key_id) FROM keys WHERE keys.key_id IS NOT NULL
       )
       SELECT keys.key_id FROM keys, LATERAL (
         SELECT since FROM relay_pending p WHERE p.key_id = keys.key_id ORDER BY index LIMIT 1
       ) oldest
       WHERE NOT EXISTS (SELECT FROM relay_batches b WHERE b.key_id = keys.key_id AND b.state = 'fixed')
         AND (oldest.since <= now() - $1 * interval '1 millisecond'
              -- The clock was set back: do not wait until it is that late again.
              OR oldest.since > now()
              OR EXISTS (SELECT FROM relay_pending p WHERE p.key_id = keys.key_id ORDER BY index OFFSET $2 LIMIT 1))`,
      [minAgeMs, maxRecords - 1],
    );
    return rows.map((row) => row.key_id);
  }

  async fixBatch(keyId: Bytes32, origin: string, maxRecords: number): Promise<boolean> {
    return this.transaction(async (client) => {
      // One relay at a time fixes batches of a key id: sequence numbers have no gap and no record is in two batches.
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('relay ' || $1, 0))`, [keyId]);
      const last = await client.query<{ seq: number; state: string; commit_id: string | null }>(
        'SELECT seq, state, commit_id FROM relay_batches WHERE key_id = $1 ORDER BY seq DESC LIMIT 1',
        [keyId],
      );
      const previous = last.rows[0];
      if (previous?.state === 'fixed') return false;
      const pending = await takePending(client, keyId, maxRecords);
      const [first, final] = [pending[0], pending.at(-1)];
      if (first === undefined || final === undefined) return false;
      const records = pending.map((row) => ({ index: row.index, leafHash: row.leaf_hash }));
      await client.query(
        `INSERT INTO relay_batches (key_id, seq, records, previous, from_time, to_time, origin, state, checkpoint)
         SELECT $1, $2, $3, $4, $5, $6, $7, 'fixed', checkpoint FROM relay_cursor`,
        [
          keyId,
          (previous?.seq ?? 0) + 1,
          JSON.stringify(records),
          previous?.commit_id ?? null,
          first.at,
          final.at,
          origin,
        ],
      );
      return true;
    });
  }

  async fixedBatches(limit: number): Promise<RecordBatch[]> {
    const { rows } = await this.pool.query<BatchRow>(
      `SELECT key_id, seq, records, previous, from_time, to_time, origin, checkpoint
       FROM relay_batches WHERE state = 'fixed' ORDER BY from_time LIMIT $1`,
      [limit],
    );
    return rows.map(batchFromRow);
  }

  async markPublished({ keyId, seq }: RecordBatch, { streamId, commitId }: PublishedBatch): Promise<void> {
    await this.pool.query(
      `UPDATE relay_batches SET state = 'published', stream_id = $3, commit_id = $4, published_at = now()
       WHERE key_id = $1 AND seq = $2 AND state = 'fixed'`,
      [keyId, seq, streamId, commitId],
    );
  }

  private async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let failed = true;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      failed = false;
      return result;
    } finally {
      client.release(failed); // a failed connection is closed, which rolls back
    }
  }
}

async function takePending(client: PoolClient, keyId: Bytes32, maxRecords: number): Promise<PendingRow[]> {
  const { rows } = await client.query<PendingRow>(
    `DELETE FROM relay_pending WHERE index IN
       (SELECT index FROM relay_pending WHERE key_id = $1 ORDER BY index LIMIT $2)
     RETURNING index, leaf_hash, at`,
    [keyId, maxRecords],
  );
  return rows.sort((a, b) => a.index - b.index);
}

function batchFromRow(row: BatchRow): RecordBatch {
  return recordBatch.parse({
    keyId: row.key_id,
    seq: row.seq,
    count: row.records.length,
    records: row.records,
    ...(row.previous === null ? {} : { previous: row.previous }),
    from: row.from_time.toISOString(),
    to: row.to_time.toISOString(),
    origin: row.origin,
    checkpoint: row.checkpoint,
  });
}
