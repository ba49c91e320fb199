import type { Address } from './bytes.js';
import type { Offer, Share } from './typed-data.js';

/** Epsilons stand on chain and in orders as whole millionths. */
const MICROS = 1_000_000;
const MAX_UINT128 = (1n << 128n) - 1n;

/** The protocol's cut of an amount in wei, as the contract computes it (rounded down). */
export function protocolFeeWei(amountWei: bigint, protocolFeeBps: number): bigint {
  return (amountWei * BigInt(protocolFeeBps)) / 10_000n;
}

/** An epsilon as an order names it, rounded up: no privacy is for free. */
export function epsilonMicrosOf(epsilon: number): bigint {
  return BigInt(Math.ceil(epsilon * MICROS));
}

/**
 * What a run costs in wei, as `Marketplace.open` computes it: the price, and the price of its privacy loss, rounded up. A run without
 * privacy (0) may reveal anything, and costs as much as the one that may reveal most.
 */
export function amountOf(offer: Offer, epsilonMicros: bigint): bigint {
  const charged = epsilonMicros === 0n ? offer.maxEpsilonMicros : epsilonMicros;
  return offer.price + (offer.pricePerEpsilon * charged + BigInt(MICROS - 1)) / BigInt(MICROS);
}

/** The most that a run can cost; `Marketplace.list` refuses an offer of which it is no uint128. */
export function mostOf(offer: Offer): { amountWei: bigint; fits: boolean } {
  const amountWei = amountOf(offer, offer.maxEpsilonMicros);
  return { amountWei, fits: amountWei <= MAX_UINT128 };
}

/**
 * Everybody who is paid when an order settles, in the order and form whose hash `Marketplace.open` fixes: the seller's
 * payees, the operator, the seller for the privacy loss, the protocol; zero amounts left out.
 */
export function splitOf(
  offer: Offer,
  order: { operator: Address; epsilonMicros: bigint },
  treasury: Address,
  protocolFeeBps: number,
): Share[] {
  const amount = amountOf(offer, order.epsilonMicros);
  const fee = protocolFeeWei(amount, protocolFeeBps);
  const feeOnPrivacy = fee - protocolFeeWei(offer.price, protocolFeeBps);
  return [
    ...offer.payees,
    { to: order.operator, amount: offer.nodeFee },
    { to: offer.seller, amount: amount - offer.price - feeOnPrivacy },
    { to: treasury, amount: fee },
  ].filter((share) => share.amount > 0n);
}
