export { epsilonOf } from './accounting/epsilon.js';
export {
  addRdp,
  gaussianRdp,
  NO_LOSS,
  RDP_ORDERS,
  type GaussianRelease,
  type RdpCurve,
} from './accounting/gaussian-rdp.js';
export { NOISE_RANGE, noiseFor } from './accounting/noise.js';
export { privateRunRdp, type PrivateRelease } from './accounting/private-run-rdp.js';
export { commitPrivacy, releasePrivacy, reservePrivacy, type Budget, type Reservation } from './ledger/ledger.js';
export { addLoss, epsilonOfLoss, lossOf, NOTHING, type Loss } from './ledger/loss.js';
export { replayLedger, type LedgerEvent } from './ledger/replay.js';
export { familiesOf } from './ledger/shard-families.js';
