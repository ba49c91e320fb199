import type { Deployed, Network } from '../kernel/index.js';

/** The deployment that EIP-712 digests are bound to. */
export function marketOf({ chainId, contracts }: Network): Deployed {
  return { chainId, contract: contracts.marketplace };
}
