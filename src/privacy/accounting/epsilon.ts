import { RDP_ORDERS, type RdpCurve } from './gaussian-rdp.js';

/** Both sides of a comparison with another library are doubles: an epsilon is rounded up by more than what they lose. */
const ROUND_UP = 1 + 1e-7;

/**
 * The smallest epsilon that the curve gives at this delta: Canonne, Kamath, Steinke (arXiv:2004.00010), proposition 12, which is also
 * Balle et al. (arXiv:1905.09982), theorem 21. Rounded up in the seventh digit.
 */
export function epsilonOf(curve: RdpCurve, delta: number): number {
  let least = Infinity;
  for (const [i, order] of RDP_ORDERS.entries()) {
    const loss = curve[i] ?? Infinity;
    const epsilon = epsilonAt(order, loss, delta);
    // Not Math.min: an order that is not a number must promise nothing.
    if (epsilon < least) least = epsilon;
  }
  return Math.max(0, least) * ROUND_UP;
}

function epsilonAt(order: number, loss: number, delta: number): number {
  // Total variation is at most sqrt(1 - exp(-KL)), and KL at most the divergence of any higher order.
  if (delta ** 2 + Math.expm1(-loss) > 0) return 0;
  return loss + Math.log1p(-1 / order) - Math.log(delta * order) / (order - 1);
}
