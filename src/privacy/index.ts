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
