import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { PrismaClient, type Prisma } from '../generated/prisma/client.js';

/** What a repository's method takes when its caller owns the transaction. */
export type Transaction = Prisma.TransactionClient;

/** No query of ours runs longer; a forgotten transaction gives its locks back. */
const STATEMENT_TIMEOUT_MS = 15_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** A process has one pool: Prisma, hot lists and the outbox share it. */
export class DatabasePool extends Pool {
  constructor(
    readonly databaseUrl: string,
    max = 16,
  ) {
    super({
      connectionString: databaseUrl,
      max,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    });
    // A connection that the server drops fails the query that uses it, or is replaced at its next use. The event says the
    // same once more, for idle connections and for those in a transaction; unheard, it would end the process.
    this.on('error', () => undefined);
    this.on('connect', (client) => client.on('error', () => undefined));
  }
}

/** Prisma over the process's pool. Ending the pool is the owner's part. */
export class PrismaService extends PrismaClient {
  constructor(pool: DatabasePool) {
    super({ adapter: new PrismaPg(pool), transactionOptions: { maxWait: 5_000, timeout: STATEMENT_TIMEOUT_MS } });
  }
}

/** True for a violated unique key, whichever layer reports it. */
export function isUniqueViolation(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'P2002' || code === '23505';
}
