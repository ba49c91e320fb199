import { createPublicClient, defineChain, http, type Chain, type PublicClient, type Transport } from 'viem';
import { WeighbridgeError, type Network } from '../../src/kernel/index.js';
import { asChainError } from './chain-errors.js';

const REQUEST_TIMEOUT_MS = 10_000;
const REQUEST_RETRIES = 2;
/** How often a transaction's receipt is asked for. */
const POLL_MS = 200;

/** One network's chain, with the check that the node serves that very chain. */
export interface Connection {
  readonly network: Network;
  readonly client: PublicClient<Transport, Chain>;
  /**
   * Does something with the chain. @throws WeighbridgeError WRONG_CHAIN before anything is sent, CHAIN_UNAVAILABLE
   * (retryable), or what `asChainError` makes of a revert
   */
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function connect(network: Network): Connection {
  const client = createPublicClient({
    chain: chainOf(network),
    transport: http(network.rpcUrl, { timeout: REQUEST_TIMEOUT_MS, retryCount: REQUEST_RETRIES }),
    pollingInterval: POLL_MS,
    cacheTime: 0, // a cached block number would hide a receipt, or a deadline
  });
  let checked: Promise<void> | undefined;
  const checkChain = async (): Promise<void> => {
    const chainId = await client.getChainId();
    if (chainId === network.chainId) return;
    throw new WeighbridgeError('WRONG_CHAIN', `the node serves chain ${chainId}, the network is ${network.chainId}`, {
      next: 'Point the network file at a node of its own chain.',
      details: { chainId, expected: network.chainId },
    });
  };
  return {
    network,
    client,
    run: async (task) => {
      try {
        // Only success is remembered: a node that was down, or was replaced, is asked again.
        await (checked ??= checkChain());
      } catch (error) {
        checked = undefined;
        throw asChainError(error);
      }
      try {
        return await task();
      } catch (error) {
        throw asChainError(error);
      }
    },
  };
}

function chainOf(network: Network): Chain {
  return defineChain({
    id: network.chainId,
    name: network.name,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [network.rpcUrl] } },
    contracts: { multicall3: { address: network.contracts.multicall3 } },
  });
}
