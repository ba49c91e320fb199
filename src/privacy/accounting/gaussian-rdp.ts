/**
 * Rényi differential privacy of the Poisson-subsampled Gaussian mechanism at integer orders, under add/remove adjacency:
 * Mironov, Talwar, Zhang, "Rényi Differential Privacy of the Sampled Gaussian Mechanism" (arXiv:1908.10530), section 3.3.
 *
 * The orders are the integers among those that Google's dp-accounting takes by default, so that no epsilon from here is below the one that
 * library gives by default. Fixed for good: a ledger adds curves, and curves add only order by order.
 */
export const RDP_ORDERS: readonly number[] = [...Array.from({ length: 62 }, (_, i) => i + 2), 128, 256, 512, 1024];

/** Privacy loss at each of `RDP_ORDERS`, in nats. */
export type RdpCurve = readonly number[];

/** One sampled Gaussian release, or many of the same kind. */
export interface GaussianRelease {
  /** Chance of each privacy unit to be in a step, above 0 and at most 1. */
  samplingRate: number;
  /** Standard deviation of the noise over the clipping norm. */
  noiseMultiplier: number;
  steps: number;
}

/** The curve of all steps together. */
export function gaussianRdp({ samplingRate, noiseMultiplier, steps }: GaussianRelease): RdpCurve {
  return RDP_ORDERS.map((order) => steps * oneStep(samplingRate, noiseMultiplier, order));
}

/** Curves of mechanisms that were run on the same rows add up. */
export function addRdp(a: RdpCurve, b: RdpCurve): RdpCurve {
  return RDP_ORDERS.map((_, i) => (a[i] ?? Number.NaN) + (b[i] ?? Number.NaN));
}

export const NO_LOSS: RdpCurve = RDP_ORDERS.map(() => 0);

function oneStep(q: number, sigma: number, order: number): number {
  if (q === 1) return order / (2 * sigma ** 2);
  return logMoment(q, sigma, order) / (order - 1);
}

/**
 * log A(order), A = sum over k of C(order, k) (1-q)^(order-k) q^k exp((k^2-k) / 2 sigma^2). The binomial weights add up to one, so
 * A - 1 is the same sum with exp(x) - 1 in place of exp(x): all terms positive, nothing cancels, and a tiny rate keeps its digits.
 */
function logMoment(q: number, sigma: number, order: number): number {
  const [logQ, logRest] = [Math.log(q), Math.log1p(-q)];
  const terms: number[] = [];
  let logBinomial = Math.log(order);
  for (let k = 2; k <= order; k += 1) {
    logBinomial += Math.log((order - k + 1) / k);
    terms.push(logBinomial + k * logQ + (order - k) * logRest + logExpm1((k * k - k) / (2 * sigma ** 2)));
  }
  return softplus(logSumExp(terms));
}

/** log(exp(x) - 1) for x > 0, also where exp(x) overflows. */
function logExpm1(x: number): number {
  return x > 1 ? x + Math.log1p(-Math.exp(-x)) : Math.log(Math.expm1(x));
}

function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  // Of nothing but zeros, or with an infinite one among them: the differences below would be no numbers.
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

/** log(1 + exp(x)). */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}
