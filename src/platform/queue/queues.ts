import {
  createPostgresBackend,
  createRedisBackend,
  Queue,
  QueueEvents,
  runMigrations,
  Worker,
  type ConnectionOptions,
  type Job,
  type JobsOptions,
  type RedisQueueBackend,
  type BackendFactory,
  type WorkerOptions,
} from 'bullmq';
import { Client } from 'pg';
import type { QueueName } from './jobs.js';

export interface QueueSettings {
  databaseUrl: string;
  /** Set: Redis or Valkey. Unset: BullMQ's PostgreSQL backend, in its own schema of the same database. */
  redisUrl?: string | undefined;
}

/** Connections of one Queue, Worker or QueueEvents on PostgreSQL, beside its LISTEN connection. */
const POSTGRES_CONNECTIONS = 4;
const MAX_BACKOFF_MS = 30_000;

/**
 * A job is tried until its own deadline ends it (the processor sees to that), not until a count runs out. Finished jobs
 * leave the queue: the row in `jobs` is the record.
 */
export const JOB_OPTIONS = {
  attempts: 1_000_000,
  backoff: { type: 'custom' },
  removeOnComplete: true,
  removeOnFail: { count: 1_000 },
  stackTraceLimit: 5,
} as const satisfies JobsOptions;

/** A worker that was killed is noticed within seconds, and any number of kills never fails a job. */
export const WORKER_OPTIONS = {
  lockDuration: 6_000,
  stalledInterval: 3_000,
  maxStalledCount: 1_000_000,
  settings: { backoffStrategy: backoffMs },
} as const satisfies Partial<WorkerOptions>;

/** Half a second, doubling to half a minute. */
export function backoffMs(attemptsMade: number): number {
  return Math.min(MAX_BACKOFF_MS, 500 * 2 ** Math.min(attemptsMade - 1, 10));
}

/** BullMQ on one of its two backends: the one place that knows which. */
export class Queues {
  constructor(private readonly settings: QueueSettings) {}

  get backend(): 'postgres' | 'redis' {
    return this.settings.redisUrl === undefined ? 'postgres' : 'redis';
  }

  /** Creates or updates BullMQ's tables. Every process that uses queues calls it at start; concurrent calls are safe. */
  async migrate(): Promise<void> {
    if (this.backend === 'redis') return;
    const client = new Client({ connectionString: this.settings.databaseUrl });
    await client.connect();
    try {
      await runMigrations(client);
    } finally {
      await client.end();
    }
  }

  queue(name: QueueName): Queue {
    return listening(
      new Queue(name, { connection: this.connection(), defaultJobOptions: JOB_OPTIONS }, this.factory()),
    );
  }

  worker(
    name: QueueName,
    processor: (job: Job, token?: string) => Promise<unknown>,
    options: Partial<WorkerOptions> = {},
  ): Worker {
    const all = { ...WORKER_OPTIONS, ...options, connection: this.connection() };
    return listening(new Worker(name, processor, all, this.factory()));
  }

  events(name: QueueName): QueueEvents {
    return listening(new QueueEvents(name, { connection: this.connection() }, this.factory()));
  }

  private connection(): ConnectionOptions {
    // A blocked worker must wait for Redis to come back, not give up after some retries.
    if (this.settings.redisUrl !== undefined) return { url: this.settings.redisUrl, maxRetriesPerRequest: null };
    return { connectionString: this.settings.databaseUrl, max: POSTGRES_CONNECTIONS };
  }

  /** BullMQ's types know the backend; our callers do not care, so both pass as its default. */
  private factory(): BackendFactory<RedisQueueBackend> {
    if (this.backend === 'redis') return createRedisBackend;
    return createPostgresBackend as unknown as BackendFactory<RedisQueueBackend>;
  }
}

/** BullMQ reconnects by itself, but an `error` event that nobody hears ends the process. */
function listening<T extends { on(event: 'error', listener: (error: Error) => void): unknown }>(emitter: T): T {
  emitter.on('error', () => undefined);
  return emitter;
}
