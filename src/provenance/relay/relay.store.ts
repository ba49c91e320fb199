import type { Pool, PoolClient } from 'pg';
import type { Bytes32 } from '../../kernel/index.js';
import type { LogStretch, PublishedBatch, RelayStore } from './ports.js';
import { recordBatch, type RecordBatch } from './record-batch.js';

interface WaitingRow {
  from_index: number;
}

interface TakenRow {
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
  WITH added AS (
    INSERT INTO log_records (index, type, leaf_hash, key_id, sequence, order_id, licence, weights, initial_weights, actor, at)
    SELECT index, type, "leafHash", "keyId", sequence, "orderId", licence, weights, "initialWeights", lower(actor), at
    FROM json_to_recordset($1) AS r(index int, type text, "leafHash" text, "keyId" text, sequence int, "orderId" text,
                                    licence text, weights text, "initialWeights" text, actor text, at timestamptz)
    ON CONFLICT (index) DO NOTHING
    RETURNING index, key_id, type
  ), waiting AS (
    INSERT INTO relay_waiting (key_id, from_index, count) SELECT key_id, min(index), count(*) FROM added GROUP BY key_id
    ON CONFLICT (key_id) DO UPDATE SET count = relay_waiting.count + excluded.count
  )
  INSERT INTO access_counts (key_id, accesses)
  SELECT key_id, count(*) FROM added WHERE type = 'access-granted' GROUP BY key_id
  ON CONFLICT (key_id) DO UPDATE SET accesses = access_counts.accesses + excluded.accesses`;

const DUE_KEYS = `
  SELECT key_id FROM relay_waiting w
  WHERE (since <= now() - $1 * interval '1 millisecond'
         -- The clock was set back: do not wait until it is that late again.
         OR since > now()
         OR count >= $2)
    AND NOT EXISTS (
      SELECT FROM (SELECT state FROM relay_batches b WHERE b.key_id = w.key_id ORDER BY seq DESC LIMIT 1) last
      WHERE last.state = 'fixed')`;

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
    const { rows } = await this.pool.query<{ key_id: Bytes32 }>(DUE_KEYS, [minAgeMs, maxRecords]);
    return rows.map((row) => row.key_id);
  }

  async fixBatch(keyId: Bytes32, origin: string, maxRecords: number): Promise<RecordBatch | undefined> {
    return this.transaction(async (client) => {
      // One relay at a time fixes batches of a key id, and none while records are added to it: sequence numbers have no gap, and
      // no record is in two batches or in none.
      const { rows } = await client.query<WaitingRow>(
        'SELECT from_index FROM relay_waiting WHERE key_id = $1 FOR UPDATE',
        [keyId],
      );
      const [waiting] = rows;
      if (waiting === undefined) return undefined;
      const last = await client.query<{ seq: number; state: string; commit_id: string | null }>(
        'SELECT seq, state, commit_id FROM relay_batches WHERE key_id = $1 ORDER BY seq DESC LIMIT 1',
        [keyId],
      );
      const previous = last.rows[0];
      if (previous?.state === 'fixed') return undefined;
      const taken = await recordsFrom(client, keyId, waiting.from_index, maxRecords);
      const [first, final] = [taken[0], taken.at(-1)];
      if (first === undefined || final === undefined) return undefined;
      await leaveWaiting(client, keyId, final.index + 1, taken.length);
      const records = taken.map((row) => ({ index: row.index, leafHash: row.leaf_hash }));
      const { rows: fixed } = await client.query<BatchRow>(
        `INSERT INTO relay_batches (key_id, seq, records, previous, from_time, to_time, origin, state, checkpoint)
         SELECT $1, $2, $3, $4, $5, $6, $7, 'fixed', checkpoint FROM relay_cursor
         RETURNING key_id, seq, records, previous, from_time, to_time, origin, checkpoint`,
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
      return fixed.map(batchFromRow)[0];
    });
  }

  async fixedBatches(limit: number, except: Bytes32[]): Promise<RecordBatch[]> {
    const { rows } = await this.pool.query<BatchRow>(
      `SELECT key_id, seq, records, previous, from_time, to_time, origin, checkpoint
       FROM relay_batches WHERE state = 'fixed' AND NOT key_id = ANY($2) ORDER BY from_time LIMIT $1`,
      [limit, except],
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

async function recordsFrom(
  client: PoolClient,
  keyId: Bytes32,
  fromIndex: number,
  maxRecords: number,
): Promise<TakenRow[]> {
  const { rows } = await client.query<TakenRow>(
    'SELECT index, leaf_hash, at FROM log_records WHERE key_id = $1 AND index >= $2 ORDER BY index LIMIT $3',
    [keyId, fromIndex, maxRecords],
  );
  return rows;
}

/** What is left of a key id waits anew: it came later than what was taken. */
async function leaveWaiting(client: PoolClient, keyId: Bytes32, fromIndex: number, taken: number): Promise<void> {
  const left = await client.query(
    `UPDATE relay_waiting SET from_index = $2, count = count - $3, since = now() WHERE key_id = $1 AND count > $3`,
    [keyId, fromIndex, taken],
  );
  if (left.rowCount === 0) await client.query('DELETE FROM relay_waiting WHERE key_id = $1', [keyId]);
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
