import { createClient, defineChain, http, publicActions, walletActions } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { Bytes32, Network } from '../../src/kernel/index.js';

const TIMEOUT_MS = 5_000;
/** A session's nonce is the hash of one of the last so many blocks: hours on slow chains, minutes on the devnet. */
const RECENT_BLOCKS = 256n;

/** The node's own view of the chain: it believes its RPC endpoint and nothing that a caller says. */
export function createNodeChain({ chainId, name, rpcUrl }: Network, account: PrivateKeyAccount) {
  const chain = defineChain({
    id: chainId,
    name,
    nativeCurrency: { name: 'native', symbol: 'NATIVE', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  // Calls of one moment share one request: a release asks four things. No cache: an old answer could release a key.
  const transport = http(rpcUrl, { timeout: TIMEOUT_MS, retryCount: 1, batch: true });
  return createClient({ chain, account, transport, cacheTime: 0, pollingInterval: 500 })
    .extend(publicActions)
    .extend(walletActions);
}

export type NodeChain = ReturnType<typeof createNodeChain>;

/** Whether `hash` is a block of this chain, as it stands now, and young. An unknown hash or a failed call is a no. */
export async function isRecentBlock(chain: NodeChain, hash: Bytes32): Promise<boolean> {
  if (!/^0x[0-9a-f]{64}$/.test(hash)) return false;
  try {
    const [head, block] = await Promise.all([chain.getBlockNumber(), chain.getBlock({ blockHash: hash })]);
    return block.number !== null && block.number + RECENT_BLOCKS >= head;
  } catch {
    return false;
  }
}
