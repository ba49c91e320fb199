import { createPublicClient, http, type PublicClient } from 'viem';
import { WeighbridgeError, type Address, type Bytes32, type Hex, type Network } from '../../src/kernel/index.js';
import { keyNodeStakingAbi } from '../chain/abi/key-node-staking.js';
import { marketplaceAbi } from '../chain/abi/marketplace.js';
import { nodeUrl } from './node-url.js';

const RPC_TIMEOUT_MS = 5_000;

export interface KeyNodeSet {
  threshold: number;
  /** URLs of the nodes in the view. */
  urls: string[];
  networkPublicKey: Hex;
}

/** What the chain says about a release, seen from here. */
export type ReleaseView = 'refused' | 'not-final' | 'allowed' | 'unknown';

/**
 * The key nodes' chain as their client sees it. It decides nothing: the nodes ask the chain themselves.
 * @throws WeighbridgeError CHAIN_UNAVAILABLE (retryable) from `keyNodes` and `latestBlockHash`
 */
export interface ChainView {
  keyNodes(): Promise<KeyNodeSet>;
  latestBlockHash(): Promise<Bytes32>;
  /** Why the nodes may have said no. Never throws. */
  release(keyId: Bytes32, caller: Address): Promise<ReleaseView>;
}

export function createChainView({ rpcUrl, contracts }: Network): ChainView {
  const chain: PublicClient = createPublicClient({
    transport: http(rpcUrl, { timeout: RPC_TIMEOUT_MS, retryCount: 2, batch: true }),
    cacheTime: 0,
  });
  const staking = { address: contracts.keyNodeStaking, abi: keyNodeStakingAbi } as const;
  const mayRelease = (keyId: Bytes32, caller: Address, blockTag: 'latest' | 'finalized') =>
    chain.readContract({
      address: contracts.marketplace,
      abi: marketplaceAbi,
      functionName: 'canRelease',
      args: [keyId, caller],
      blockTag,
    });

  return {
    keyNodes: async () => {
      const [[, threshold, validators], networkPublicKey] = await readable(
        Promise.all([
          chain.readContract({ ...staking, functionName: 'getActiveUnkickedValidatorStructsAndCounts' }),
          chain.readContract({ ...staking, functionName: 'networkPublicKey' }),
        ]),
      );
      return { threshold: Number(threshold), urls: validators.map(nodeUrl), networkPublicKey };
    },
    latestBlockHash: async () => (await readable(chain.getBlock())).hash,
    release: async (keyId, caller) => {
      try {
        if (!(await mayRelease(keyId, caller, 'latest'))) return 'refused';
      } catch {
        return 'unknown';
      }
      // Before the contract's own block is final the call has nothing to call, and throws.
      return (await mayRelease(keyId, caller, 'finalized').catch(() => false)) ? 'allowed' : 'not-final';
    },
  };
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((cause: unknown) => {
    throw new WeighbridgeError('CHAIN_UNAVAILABLE', 'the key nodes cannot be looked up on the chain', {
      next: 'Check rpcUrl and contracts.keyNodeStaking in network.json, and ask again.',
      cause,
      retryable: true,
    });
  });
}
