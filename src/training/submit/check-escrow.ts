import { encodeAbiParameters, isAddressEqual, keccak256 } from 'viem';
import { amountOf, WeighbridgeError, type Bytes32, type Offer, type Order, type Share } from '../../kernel/index.js';
import type { OnChainOrder } from '../../access/index.js';

/**
 * Whether the chain holds the payment for exactly this order, divided as its offer says.
 * @throws WeighbridgeError ESCROW_NOT_FOUND, ESCROW_MISMATCH naming the first field that differs
 */
export function checkEscrow(onChain: OnChainOrder, order: Order, offer: Offer, shares: readonly Share[]): void {
  if (onChain.state === 'none') {
    throw new WeighbridgeError('ESCROW_NOT_FOUND', 'no payment is locked for this order', {
      next: 'Open the order on chain (Marketplace.open), wait for the receipt, and submit it again.',
    });
  }
  const wrong = firstDifference(onChain, order, offer, shares);
  if (wrong === undefined) return;
  throw new WeighbridgeError('ESCROW_MISMATCH', `what is locked on chain is not for this order: ${wrong}`, {
    next: 'Submit the order that was opened, unchanged.',
    details: { field: wrong, state: onChain.state },
  });
}

function firstDifference(
  onChain: OnChainOrder,
  order: Order,
  offer: Offer,
  shares: readonly Share[],
): string | undefined {
  if (onChain.state !== 'open') return `state ${onChain.state}`;
  if (!isAddressEqual(onChain.buyer, order.buyer)) return 'buyer';
  if (onChain.keyId !== order.keyId) return 'keyId';
  if (onChain.amountWei !== amountOf(offer, order.epsilonMicros)) return 'amount';
  if (BigInt(onChain.deadline) !== order.deadline) return 'deadline';
  if (onChain.splitHash !== splitHashOf(shares)) return 'shares';
  return undefined;
}

/** keccak256(abi.encode(Share[])), as `Marketplace.open` fixes it. */
export function splitHashOf(shares: readonly Share[]): Bytes32 {
  const components = [
    { name: 'to', type: 'address' },
    { name: 'amount', type: 'uint128' },
  ] as const;
  return keccak256(encodeAbiParameters([{ type: 'tuple[]', components }], [[...shares]]));
}
