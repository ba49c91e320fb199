import { Client, Pool } from 'pg';
import { PgBatchWriter } from './batch-writer.js';
import { Deferred } from './deferred.js';
import { RecentEntries } from './recent-entries.js';

const QUERY_TIMEOUT_MS = 30_000;
/** For a last word. A server that vanished without closing its connections never says it, and a restart waits for us. */
const CLOSE_TIMEOUT_MS = 2_000;
/** A process that vanished without closing its connections must not hold its rows for long. */
const IDLE_IN_TRANSACTION_MS = 10_000;
const LOCK_POLL_MS = 500;

/** The database connections of one session: they live and die together. */
export class Connections {
  readonly pool: Pool;
  readonly holder: Client;
  readonly lost = new Deferred<never>();
  private readonly clients: Client[] = [];

  constructor(private readonly databaseUrl: string) {
    this.pool = new Pool({
      connectionString: databaseUrl,
      max: 4,
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    this.pool.on('error', () => undefined); // an idle reader broke; the next read makes another
    this.lost.promise.catch(() => undefined);
    this.holder = this.client();
  }

  /** Takes the lock that makes this the one sequencer; waits while another holds it. */
  async lock(signal: AbortSignal): Promise<void> {
    await this.holder.connect();
    for (;;) {
      signal.throwIfAborted();
      const { rows } = await this.holder.query<{ locked: boolean }>(
        `SELECT pg_try_advisory_lock(hashtext('weighbridge tlog sequencer')) AS locked`,
      );
      if (rows[0]?.locked === true) return;
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
  }

  /** @param recent - takes what they commit */
  async writers(count: number, recent = new RecentEntries()): Promise<PgBatchWriter[]> {
    const clients = Array.from({ length: count }, () => this.client());
    for (const client of clients) {
      await client.connect();
      // Acknowledged means durable, whatever the role's default is.
      await client.query('SET synchronous_commit = on');
    }
    return clients.map((client) => new PgBatchWriter(client, recent));
  }

  async close(): Promise<void> {
    const [holder, ...writers] = this.clients;
    await Promise.all(writers.map(hangUp));
    // The holder last: its lock goes with it.
    if (holder !== undefined) await hangUp(holder);
    await this.pool.end().catch(() => undefined);
  }

  private client(): Client {
    const client = new Client({
      connectionString: this.databaseUrl,
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
    });
    client.on('error', (error) => this.lost.reject(error));
    client.on('end', () => this.lost.reject(new Error('the database closed the connection')));
    this.clients.push(client);
    return client;
  }
}

async function hangUp(client: Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), CLOSE_TIMEOUT_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
