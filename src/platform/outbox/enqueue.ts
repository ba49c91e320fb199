import type { Transaction } from '../database.js';
import { OUTBOX_CHANNEL, type OutboxMessage } from './message.js';

/**
 * Writes a message in the caller's transaction: it is sent if, and only if, that transaction commits. PostgreSQL delivers
 * the notification at the commit.
 */
export async function enqueue(tx: Transaction, messages: readonly OutboxMessage[]): Promise<void> {
  if (messages.length === 0) return;
  await tx.outboxMessage.createMany({ data: messages.map((message) => ({ ...message })) });
  await tx.$executeRaw`SELECT pg_notify(${OUTBOX_CHANNEL}, '')`;
}
