import type { Deployed, Network } from '../../kernel/index.js';

/** The Marketplace contract of a network, as digests bind it. */
export function marketOf(network: Network): Deployed {
  return { chainId: network.chainId, contract: network.contracts.marketplace };
}
