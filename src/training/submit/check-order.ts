import { isAddressEqual } from 'viem';
import { jsonDigest, WeighbridgeError, type Address, type Offer, type Order } from '../../kernel/index.js';
import { offerMismatch } from '../../catalog/index.js';
import { epsilonMicrosOfRun, type ModelDeclaration } from '../model-declaration.js';

/** Recording, anchoring and releasing take some blocks; with less than this left a run could only be refunded. */
export const MIN_RUN_SECONDS = 30;

/**
 * Whether an order, its declaration and the offer it names are about one another and about this deployment.
 * @param nowSeconds - chain time
 * @throws WeighbridgeError DIGEST_MISMATCH, OFFER_MISMATCH, DEADLINE_PASSED
 */
export function checkOrder(
  order: Order,
  declaration: ModelDeclaration,
  offer: Offer,
  operator: Address,
  nowSeconds: number,
): void {
  const digest = `0x${jsonDigest(declaration)}`;
  if (digest !== order.jobDigest) {
    throw new WeighbridgeError('DIGEST_MISMATCH', 'the order is for another declaration (jobDigest)', {
      next: 'Submit the very declaration whose SHA-256 the order names.',
      details: { expected: order.jobDigest, actual: digest },
    });
  }
  if (order.epsilonMicros !== epsilonMicrosOfRun(declaration)) {
    throw new WeighbridgeError('DIGEST_MISMATCH', 'the order pays for another epsilon than the declaration takes', {
      next: 'Order with the epsilon of the declaration in millionths, rounded up; 0 without privacy.',
      details: { ordered: order.epsilonMicros.toString(), declared: epsilonMicrosOfRun(declaration).toString() },
    });
  }
  if (!isAddressEqual(order.operator, operator)) {
    throw offerMismatch('the order names an operator that is not of this deployment', `Order with ${operator}.`);
  }
  if (!offer.operators.some((allowed) => isAddressEqual(allowed, operator))) {
    throw offerMismatch('the seller does not allow this operator', 'Choose another dataset or deployment.');
  }
  if (order.deadline < BigInt(nowSeconds + MIN_RUN_SECONDS)) {
    throw new WeighbridgeError('DEADLINE_PASSED', 'the order has too little time left', {
      next: 'Take the payment back with Marketplace.refund after the deadline, and order again with a later one.',
      details: { deadline: order.deadline.toString(), chainTime: nowSeconds, minimumSeconds: MIN_RUN_SECONDS },
    });
  }
}
