import type { Bytes32 } from '../kernel/index.js';
import type { OutboxMessage } from '../platform/index.js';

/** Starts a job, in the transaction that takes it in. */
export function runMessage(orderId: Bytes32): Extract<OutboxMessage, { queue: 'training' }> {
  return { queue: 'training', name: 'run', jobId: orderId, payload: { orderId } };
}
