import { addRdp, gaussianRdp, type GaussianRelease, type RdpCurve } from './gaussian-rdp.js';

/** Everything that a private run releases of the rows. */
export interface PrivateRelease extends GaussianRelease {
  /** A noised number about rows that are held out. */
  metric?: SingleRelease | undefined;
  /** The noised sums that columns are standardised by. */
  moments?: SingleRelease | undefined;
}

/** Released once, with every unit in it, which moves it by at most one deviation over the multiplier. */
interface SingleRelease {
  noiseMultiplier: number;
}

/**
 * The curve of a whole run. What trains may depend on the noised moments: losses add up all the same. Training and metric read
 * different rows, but a unit may have some on both sides, and the log does not say which pieces are held out: they are of every shard.
 */
export function privateRunRdp({ metric, moments, ...training }: PrivateRelease): RdpCurve {
  const once = [metric, moments].flatMap((release) => (release === undefined ? [] : [singleRdp(release)]));
  return once.reduce(addRdp, gaussianRdp(training));
}

function singleRdp({ noiseMultiplier }: SingleRelease): RdpCurve {
  return gaussianRdp({ samplingRate: 1, noiseMultiplier, steps: 1 });
}
