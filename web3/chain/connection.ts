import { createPublicClient, defineChain, http, type Chain, type PublicClient, type Transport } from 'viem';
import type { Network } from '../../src/kernel/index.js';
import { assertChain } from './assert-chain.js';
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
  return {
    network,
    client,
    run: async (task) => {
      try {
        // Only success is remembered: a node that was down, or was replaced, is asked again.
        await (checked ??= assertChain(network, client));
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
