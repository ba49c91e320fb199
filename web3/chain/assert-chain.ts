import { WeighbridgeError, type Network } from '../../src/kernel/index.js';

/** @throws WeighbridgeError WRONG_CHAIN if the node serves another chain than the network file names */
export async function assertChain(network: Network, node: { getChainId(): Promise<number> }): Promise<void> {
  const chainId = await node.getChainId();
  if (chainId === network.chainId) return;
  throw new WeighbridgeError('WRONG_CHAIN', `the node serves chain ${chainId}, the network is ${network.chainId}`, {
    next: 'Point the network file at a node of its own chain.',
    details: { chainId, expected: network.chainId },
  });
}
