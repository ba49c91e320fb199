import { epsilonOf } from '../accounting/epsilon.js';
import { RDP_ORDERS, type RdpCurve } from '../accounting/gaussian-rdp.js';

/**
 * A curve in whole billionths, rounded up: sums do not depend on their order, so that whoever adds up the log has the very numbers
 * of the ledger. What is larger than any budget is as good as infinite.
 */
export type Loss = readonly bigint[];

const BILLION = 1_000_000_000;
const AS_GOOD_AS_INFINITE = 10n ** 15n;

export const NOTHING: Loss = RDP_ORDERS.map(() => 0n);

export function lossOf(curve: RdpCurve): Loss {
  return curve.map((nats) => {
    const billionths = Math.ceil(nats * BILLION);
    return billionths < Number(AS_GOOD_AS_INFINITE) ? BigInt(billionths) : AS_GOOD_AS_INFINITE;
  });
}

export function addLoss(a: Loss, b: Loss): Loss {
  return a.map((loss, i) => loss + (b[i] ?? 0n));
}

/** Order by order the larger of both. */
export function worst(a: Loss, b: Loss): Loss {
  return a.map((loss, i) => (loss > (b[i] ?? 0n) ? loss : (b[i] ?? 0n)));
}

export function isNothing(loss: Loss): boolean {
  return loss.every((billionths) => billionths === 0n);
}

export function epsilonOfLoss(loss: Loss, delta: number): number {
  return epsilonOf(
    loss.map((billionths) => Number(billionths) / BILLION),
    delta,
  );
}
