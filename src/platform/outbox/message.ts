import type { JobName, Payload, QueueName } from '../queue/index.js';

/** What a transaction owes a queue once it is committed. */
export interface OutboxMessage<Q extends QueueName = QueueName, N extends JobName<Q> = JobName<Q>> {
  queue: Q;
  name: N;
  /** The queue keeps one job of an id: a message that is sent twice runs once. No colon in it (BullMQ's own separator). */
  jobId: string;
  payload: Payload<Q, N>;
}

/** PostgreSQL channel on which a commit wakes the dispatcher. */
export const OUTBOX_CHANNEL = 'weighbridge_outbox';
