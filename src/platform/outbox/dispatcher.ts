import type { Queue } from 'bullmq';
import { Client } from 'pg';
import type { DatabasePool } from '../database.js';
import { QUEUES, type QueueName, type Queues } from '../queue/index.js';
import { OUTBOX_CHANNEL } from './message.js';

const BATCH = 100;
/** A lost notification delays a message by this much, no more. */
const POLL_MS = 1_000;

interface Row {
  id: string;
  queue: QueueName;
  name: string;
  job_id: string;
  payload: unknown;
}

/**
 * Moves outbox rows to their queues: at least once, in order of their ids. Any number of processes may run one; a row that
 * one of them holds is skipped by the others. Between adding a job and deleting its row a process may die: the next one
 * adds it again, and the queue drops the second job of the same id.
 */
export class OutboxDispatcher {
  private readonly queues = new Map<QueueName, Queue>();
  private listener: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private again = false;
  private failing = false;
  private stopped = true;

  constructor(
    private readonly pool: DatabasePool,
    private readonly factory: Queues,
    private readonly onError: (error: unknown) => void,
  ) {}

  async start(): Promise<void> {
    this.stopped = false;
    for (const name of Object.keys(QUEUES) as QueueName[]) this.queues.set(name, this.factory.queue(name));
    await this.listen();
    this.timer = setInterval(() => this.wake(), POLL_MS);
    this.wake();
  }

  /** Waits for the batch in hand, then lets go of every connection. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
    await this.listener?.end().catch(() => undefined);
    this.listener = undefined;
    await Promise.all([...this.queues.values()].map(async (queue) => queue.close()));
    this.queues.clear();
  }

  /** Sends what is due; at most one pass at a time, and one more if something came in meanwhile. */
  private wake(): void {
    this.again = true;
    this.running ??= this.drain().finally(() => {
      this.running = undefined;
      if (this.again && !this.stopped) this.wake();
    });
  }

  private async drain(): Promise<void> {
    while (this.again && !this.stopped) {
      this.again = false;
      try {
        if (this.listener === undefined) await this.listen();
        while (!this.stopped && (await this.dispatchBatch()) === BATCH);
        this.failing = false;
      } catch (error) {
        // Database or queue is away: the next poll tries again. Said once, not every second.
        if (!this.failing) this.onError(error);
        this.failing = true;
      }
    }
  }

  private async dispatchBatch(): Promise<number> {
    const client = await this.pool.connect();
    let failed = true;
    try {
      await client.query('BEGIN');
      const { rows } = await client.query<Row>(
        'SELECT id, queue, name, job_id, payload FROM outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED',
        [BATCH],
      );
      for (const name of new Set(rows.map((row) => row.queue))) {
        await this.add(
          name,
          rows.filter((row) => row.queue === name),
        );
      }
      await client.query('DELETE FROM outbox WHERE id = ANY($1::bigint[])', [rows.map((row) => row.id)]);
      await client.query('COMMIT');
      failed = false;
      return rows.length;
    } finally {
      client.release(failed); // a failed connection is closed, which rolls back
    }
  }

  private async add(name: QueueName, rows: Row[]): Promise<void> {
    const queue = this.queues.get(name);
    if (queue === undefined) throw new Error(`outbox names an unknown queue "${name}"`);
    await queue.addBulk(rows.map((row) => ({ name: row.name, data: row.payload, opts: { jobId: row.job_id } })));
  }

  private async listen(): Promise<void> {
    const client = new Client({ connectionString: this.pool.databaseUrl });
    const lost = (): void => {
      if (this.listener === client) this.listener = undefined;
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', () => this.wake());
    await client.connect();
    await client.query(`LISTEN ${OUTBOX_CHANNEL}`);
    this.listener = client;
  }
}
