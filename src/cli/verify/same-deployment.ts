import type { Network } from '../../kernel/index.js';

/** A network file names one deployment, a trust file another: comparing across them would prove nothing. */
export function sameDeployment(
  network: Network,
  trust: { chainId: number; contracts: { marketplace: string } },
): boolean {
  return (
    network.chainId === trust.chainId &&
    network.contracts.marketplace.toLowerCase() === trust.contracts.marketplace.toLowerCase()
  );
}
