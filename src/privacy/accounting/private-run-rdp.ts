import { addRdp, gaussianRdp, type GaussianRelease, type RdpCurve } from './gaussian-rdp.js';

/** Everything that a private run releases of the rows. */
export interface PrivateRelease extends GaussianRelease {
  /** One noised number more: every unit is in it, and moves it by at most one deviation over the multiplier. */
  metric?: { noiseMultiplier: number } | undefined;
}

/**
 * The curve of a whole run. Training and metric read different rows, but a unit may have some on both sides, and the log does not say
 * which pieces are held out: their losses add up, on every shard.
 */
export function privateRunRdp({ metric, ...training }: PrivateRelease): RdpCurve {
  const curve = gaussianRdp(training);
  return metric === undefined ? curve : addRdp(curve, metricRdp(metric.noiseMultiplier));
}

function metricRdp(noiseMultiplier: number): RdpCurve {
  return gaussianRdp({ samplingRate: 1, noiseMultiplier, steps: 1 });
}
