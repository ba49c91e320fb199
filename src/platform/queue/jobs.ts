import { z } from 'zod';
import { bytes32Schema, WeighbridgeError } from '../../kernel/index.js';

/**
 * Every queue, the jobs it carries and the shape of their payloads. A payload names a row and holds nothing else: no key,
 * no token, no text of a person.
 */
export const QUEUES = {
  /** `run`: take the job with this order id to its end. Its BullMQ id is the order id, so an order is never queued twice. */
  training: { run: z.strictObject({ orderId: bytes32Schema }) },
  /** `settle`: move the money of a job whose training has ended, and log it. Its BullMQ id is the order id. */
  settlement: { settle: z.strictObject({ orderId: bytes32Schema }) },
  /** `watch-storage`: one round over all copies and deposits; a scheduler repeats it, and one round runs at a time. */
  storage: { 'watch-storage': z.strictObject({}) },
} as const;

export type QueueName = keyof typeof QUEUES;
export type JobName<Q extends QueueName> = keyof (typeof QUEUES)[Q] & string;
export type Payload<Q extends QueueName, N extends JobName<Q>> =
  (typeof QUEUES)[Q][N] extends z.ZodType<infer T> ? T : never;

/** What a processor gets: the checked payload, and the queue's own view of the job. */
export type Handlers<Q extends QueueName, J> = {
  [N in JobName<Q>]: (payload: Payload<Q, N>, job: J) => Promise<unknown>;
};

/**
 * One function for a BullMQ worker out of one handler a job name. A missing or a superfluous handler stops the start, not
 * the first job of its kind.
 * @throws WeighbridgeError CONFIG_INVALID when handlers and `QUEUES` differ
 */
export function processorOf<Q extends QueueName, J extends { name: string; data: unknown }>(
  queue: Q,
  handlers: Handlers<Q, J>,
): (job: J) => Promise<unknown> {
  const expected = Object.keys(QUEUES[queue]).sort();
  const given = Object.keys(handlers).sort();
  if (expected.join() !== given.join()) {
    throw new WeighbridgeError(
      'CONFIG_INVALID',
      `queue ${queue} carries ${expected.join()}, but handlers are ${given.join()}`,
      {
        next: 'Give each job of the queue exactly one handler.',
      },
    );
  }
  const table = handlers as unknown as Record<string, (payload: unknown, job: J) => Promise<unknown>>;
  return async (job) => {
    const handle = table[job.name];
    const schema = (QUEUES[queue] as Record<string, z.ZodType>)[job.name];
    if (handle === undefined || schema === undefined) throw new Error(`no handler for ${queue}/${job.name}`);
    return handle(schema.parse(job.data), job);
  };
}
