import type { Bytes32 } from '../../kernel/index.js';
import type { OutboxMessage } from '../../platform/index.js';

/** Hands a job to settlement, in the transaction that ends its training. */
export function settleMessage(orderId: Bytes32): Extract<OutboxMessage, { queue: 'settlement' }> {
  return { queue: 'settlement', name: 'settle', jobId: orderId, payload: { orderId } };
}
