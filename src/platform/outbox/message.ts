import type { JobName, Payload, QueueName } from '../queue/index.js';

/** One job of one queue, as its payload's schema says. */
interface MessageOf<Q extends QueueName, N extends JobName<Q>> {
  queue: Q;
  name: N;
  /** The queue keeps one job of an id: a message that is sent twice runs once. No colon in it (BullMQ's own separator). */
  jobId: string;
  payload: Payload<Q, N>;
}

/** What a transaction owes a queue once it is committed; discriminated by `queue` and `name`. */
export type OutboxMessage = {
  [Q in QueueName]: { [N in JobName<Q>]: MessageOf<Q, N> }[JobName<Q>];
}[QueueName];

/** PostgreSQL channel on which a commit wakes the dispatcher. */
export const OUTBOX_CHANNEL = 'weighbridge_outbox';
