import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  type Account,
  type Chain,
  type PublicClient,
  type Transport,
  type WalletClient,
} from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { Network } from '../../../src/kernel/index.js';

const RPC_TIMEOUT_MS = 10_000;
const RPC_RETRIES = 3;
const POLL_MS = 200;

export interface ChainClient {
  reader: PublicClient<Transport, Chain>;
  writer: WalletClient<Transport, Chain, Account>;
  account: PrivateKeyAccount;
}

export function chainClient(network: Network, account: PrivateKeyAccount): ChainClient {
  const chain = defineChain({
    id: network.chainId,
    name: network.name,
    nativeCurrency: { name: 'Filecoin', symbol: 'FIL', decimals: 18 },
    rpcUrls: { default: { http: [network.rpcUrl] } },
    contracts: { multicall3: { address: network.contracts.multicall3 } },
  });
  const transport = http(network.rpcUrl, { timeout: RPC_TIMEOUT_MS, retryCount: RPC_RETRIES });
  const shared = { chain, transport, pollingInterval: POLL_MS };
  return { reader: createPublicClient(shared), writer: createWalletClient({ ...shared, account }), account };
}
