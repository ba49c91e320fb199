import { WeighbridgeError, type Network } from '../../kernel/index.js';

/**
 * A network file names one deployment, a trust file another: comparing across them would prove nothing.
 * @throws WeighbridgeError WRONG_CHAIN
 */
export function assertSameDeployment(
  network: Network,
  trust: { chainId: number; contracts: { marketplace: string } },
): void {
  if (
    network.chainId === trust.chainId &&
    network.contracts.marketplace.toLowerCase() === trust.contracts.marketplace.toLowerCase()
  ) {
    return;
  }
  throw new WeighbridgeError('WRONG_CHAIN', 'network file and trust file are of different deployments', {
    next: 'Name the network of the trust file with --network.',
  });
}
