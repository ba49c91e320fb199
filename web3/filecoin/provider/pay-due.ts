/** What the chain says of the rail that pays for one data set. */
export interface RailState {
  railId: bigint;
  /** Epoch up to which the payee has its money. */
  settledUpTo: bigint;
  /** Last epoch that is paid; 0 while the service goes on. */
  endEpoch: bigint;
  /** Per epoch. */
  paymentRate: bigint;
  periodEpochs: bigint;
}

/**
 * Up to which epoch a rail is worth settling now: by whole proving periods, because proven periods are what is paid, and to the end
 * of a rail that has ended. Undefined: not yet.
 */
export function payDue(rail: RailState, epoch: bigint): bigint | undefined {
  const { settledUpTo, endEpoch, paymentRate, periodEpochs } = rail;
  if (endEpoch !== 0n && epoch >= endEpoch) return endEpoch;
  return paymentRate > 0n && epoch - settledUpTo >= periodEpochs ? epoch : undefined;
}
