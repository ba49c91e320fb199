import { escapeLiteral, type Pool, type PoolClient } from 'pg';
import type { Bytes32 } from '../../kernel/index.js';
import { CopyIn } from '../log/copy-in.js';
import { COPY_RECORDS, copyOfRecords } from './copy-of-records.js';
import type { FixOptions, IndexedRecord, LogStretch, PublishedBatch, RelayStore } from './ports.js';
import { MAX_RECORDS_PER_BATCH, recordBatch, type BatchedRecord, type RecordBatch } from './record-batch.js';

interface KeyRow {
  key_id: Bytes32;
}

interface BatchRow {
  key_id: Bytes32;
  seq: number;
  records: string;
  previous: string | null;
  from_time: Date;
  to_time: Date;
  origin: string;
  checkpoint: string;
}

/** What waits for a batch, and the count of accesses. @param counts - as an SQL literal */
const countRecords = (counts: string): string => `
  WITH new AS (
    SELECT * FROM json_to_recordset(${counts}) AS n("keyId" text, "fromIndex" int, count int, accesses int)
  ), waiting AS (
    INSERT INTO relay_waiting (key_id, from_index, count) SELECT "keyId", "fromIndex", count FROM new
    ON CONFLICT (key_id) DO UPDATE SET count = relay_waiting.count + excluded.count
  )
  INSERT INTO access_counts (key_id, accesses) SELECT "keyId", accesses FROM new WHERE accesses > 0
  ON CONFLICT (key_id) DO UPDATE SET accesses = access_counts.accesses + excluded.accesses`;

const DUE_KEYS = `
  SELECT key_id FROM relay_waiting w
  WHERE (since <= now() - $1 * interval '1 millisecond'
         -- The clock was set back: do not wait until it is that late again.
         OR since > now()
         OR count >= $2)
    AND NOT EXISTS (
      SELECT FROM (SELECT state FROM relay_batches b WHERE b.key_id = w.key_id ORDER BY seq DESC LIMIT 1) last
      WHERE last.state = 'fixed')
  ORDER BY since LIMIT $3`;

/** Skips what another relay has in hand, and what records are added to just now; so it never waits with something locked. */
const LOCK_KEYS = 'SELECT key_id FROM relay_waiting WHERE key_id = ANY($1) FOR UPDATE SKIP LOCKED';

/** Of PostgreSQL's `integer`. */
const MAX_INDEX = 2_147_483_647;

/**
 * The next batches of key ids that are locked, and what is left of each to wait anew: it came later than what was taken. Records
 * are asked for by both columns of one index, in its order: by each column alone, PostgreSQL may read those of all key ids, or sort
 * all that wait.
 */
const FIX_BATCHES = `
  WITH batch AS (
    SELECT key_id, taken.*, coalesce(last.seq, 0) + 1 AS seq, last.commit_id AS previous
    FROM relay_waiting w
    CROSS JOIN LATERAL (
      SELECT count(*) AS count, min(index) AS first_index, max(index) AS last_index
      FROM (SELECT index FROM log_records r
            WHERE (r.key_id, r.index) BETWEEN (w.key_id, w.from_index) AND (w.key_id, ${MAX_INDEX})
            ORDER BY r.key_id, r.index LIMIT $2) oldest
    ) taken
    LEFT JOIN LATERAL (
      SELECT seq, commit_id, state FROM relay_batches b WHERE b.key_id = w.key_id ORDER BY seq DESC LIMIT 1
    ) last ON true
    WHERE key_id = ANY($1) AND last.state IS DISTINCT FROM 'fixed' AND taken.count > 0
  ), left_over AS (
    UPDATE relay_waiting w SET from_index = batch.last_index + 1, count = w.count - batch.count, since = now()
    FROM batch WHERE w.key_id = batch.key_id AND w.count > batch.count
  ), none_left AS (
    DELETE FROM relay_waiting w USING batch WHERE w.key_id = batch.key_id AND w.count <= batch.count
  )
  INSERT INTO relay_batches (key_id, seq, first_index, last_index, previous, from_time, to_time, origin, state, checkpoint)
  SELECT batch.key_id, seq, first_index, last_index, previous,
         (SELECT at FROM log_records WHERE index = first_index), (SELECT at FROM log_records WHERE index = last_index),
         $3, 'fixed', checkpoint
  FROM batch, relay_cursor`;

/**
 * What lies between a batch's bounds never changes: records come in the order of the log, and stay. They come as a line each, because
 * PostgreSQL and JavaScript both take one text faster than a value for each.
 */
const FIXED_BATCHES = `
  SELECT key_id, seq, previous, from_time, to_time, origin, checkpoint,
         (SELECT string_agg(index || ' ' || leaf_hash, E'\\n' ORDER BY index)
          FROM (SELECT index, leaf_hash FROM log_records r
                WHERE (r.key_id, r.index) BETWEEN (b.key_id, first_index) AND (b.key_id, last_index)
                ORDER BY r.key_id, r.index LIMIT ${MAX_RECORDS_PER_BATCH}) its) AS records
  FROM relay_batches b WHERE state = 'fixed' AND NOT key_id = ANY($2) ORDER BY from_time LIMIT $1`;

/**
 * The relay's tables in PostgreSQL, by plain SQL: whole stretches of the log go in by COPY, and locks are explicit.
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
      const counts = escapeLiteral(JSON.stringify(countsOf(records)));
      await client.query(new CopyIn(`${COPY_RECORDS}; ${countRecords(counts)}`, [copyOfRecords(records)])).completed();
      return true;
    });
  }

  async fixDue({ origin, minAgeMs, maxRecords, limit }: FixOptions): Promise<void> {
    const due = keysOf(await this.pool.query<KeyRow>(DUE_KEYS, [minAgeMs, maxRecords, limit]));
    if (due.length === 0) return;
    await this.transaction(async (client) => {
      // One relay at a time fixes batches of a key id, and none while records are added to it: sequence numbers have no gap, and
      // no record is in two batches or in none. What is read of it is read by the next statement, so after the lock.
      const locked = keysOf(await client.query<KeyRow>(LOCK_KEYS, [due]));
      await client.query(FIX_BATCHES, [locked, maxRecords, origin]);
    });
  }

  async fixedBatches(limit: number, except: Bytes32[]): Promise<RecordBatch[]> {
    const { rows } = await this.pool.query<BatchRow>(FIXED_BATCHES, [limit, except]);
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

function keysOf({ rows }: { rows: KeyRow[] }): Bytes32[] {
  return rows.map((row) => row.key_id);
}

interface Counts {
  keyId: Bytes32;
  /** Index of the first. */
  fromIndex: number;
  count: number;
  accesses: number;
}

/** How many records there are of each key id. */
function countsOf(records: readonly IndexedRecord[]): Counts[] {
  const counts = new Map<Bytes32, Counts>();
  for (const { keyId, index, type } of records) {
    const of = counts.get(keyId) ?? { keyId, fromIndex: index, count: 0, accesses: 0 };
    of.count++;
    if (type === 'access-granted') of.accesses++;
    counts.set(keyId, of);
  }
  return [...counts.values()];
}

function recordsOf(lines: string): BatchedRecord[] {
  return lines.split('\n').map((line) => {
    const space = line.indexOf(' ');
    return { index: Number(line.slice(0, space)), leafHash: line.slice(space + 1) };
  });
}

function batchFromRow(row: BatchRow): RecordBatch {
  const records = recordsOf(row.records);
  return recordBatch.parse({
    keyId: row.key_id,
    seq: row.seq,
    count: records.length,
    records,
    ...(row.previous === null ? {} : { previous: row.previous }),
    from: row.from_time.toISOString(),
    to: row.to_time.toISOString(),
    origin: row.origin,
    checkpoint: row.checkpoint,
  });
}
