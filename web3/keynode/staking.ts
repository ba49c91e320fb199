import type { Address, Hex } from '../../src/kernel/index.js';
import { keyNodeStakingAbi } from '../chain/abi/key-node-staking.js';
import type { NodeChain } from './chain.js';

export interface Member {
  address: Address;
  ip: number;
  port: number;
}

export interface ActiveSet {
  threshold: number;
  nodes: readonly Member[];
}

/** What a key node reads of and writes to KeyNodeStaking. Writes wait for their receipt and throw if they revert. */
export interface Staking {
  readonly self: Address;
  networkPublicKey(): Promise<Hex>;
  members(): Promise<readonly Member[]>;
  active(): Promise<ActiveSet>;
  voteToKick(node: Address): Promise<void>;
  requestToJoin(): Promise<void>;
}

const RECEIPT_TIMEOUT_MS = 30_000;

export function createStaking(chain: NodeChain, address: Address): Staking {
  const contract = { address, abi: keyNodeStakingAbi } as const;

  return {
    self: chain.account.address,
    networkPublicKey: () => chain.readContract({ ...contract, functionName: 'networkPublicKey' }),
    members: async () =>
      (await chain.readContract({ ...contract, functionName: 'members' })).map(({ nodeAddress, ip, port }) => ({
        address: nodeAddress,
        ip,
        port,
      })),
    active: async () => {
      const [, threshold, validators] = await chain.readContract({
        ...contract,
        functionName: 'getActiveUnkickedValidatorStructsAndCounts',
      });
      const nodes = validators.map(({ nodeAddress, ip, port }) => ({ address: nodeAddress, ip, port }));
      return { threshold: Number(threshold), nodes };
    },
    // Simulated first: what would revert (somebody was faster) costs no gas.
    voteToKick: async (node) => {
      const call = { ...contract, functionName: 'voteToKick', args: [node] } as const;
      const { request } = await chain.simulateContract({ ...call, account: chain.account });
      await mined(chain, await chain.writeContract(request));
    },
    requestToJoin: async () => {
      const call = { ...contract, functionName: 'requestToJoin' } as const;
      const { request } = await chain.simulateContract({ ...call, account: chain.account });
      await mined(chain, await chain.writeContract(request));
    },
  };
}

async function mined(chain: NodeChain, hash: Hex): Promise<void> {
  const receipt = await chain.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS });
  if (receipt.status !== 'success') throw new Error(`transaction ${hash} reverted`);
}
