import type { ContractEventArgs, ContractEventName } from 'viem';
import type { Hex } from '../../src/kernel/index.js';
import { marketplaceAbi } from './abi/marketplace.js';
import type { Connection } from './connection.js';

/** Public Filecoin nodes answer for at most a day of 30 s blocks at a time. */
const WINDOW_BLOCKS = 2_880n;

type MarketplaceEvent = ContractEventName<typeof marketplaceAbi>;

/** The newest transaction in which the Marketplace said this; it is searched backwards from the latest block. */
export async function findTransaction<E extends MarketplaceEvent>(
  { client, network }: Connection,
  eventName: E,
  args: ContractEventArgs<typeof marketplaceAbi, E>,
): Promise<Hex | undefined> {
  let toBlock = await client.getBlockNumber();
  for (;;) {
    const fromBlock = toBlock >= WINDOW_BLOCKS ? toBlock - WINDOW_BLOCKS + 1n : 0n;
    const events = await client.getContractEvents({
      address: network.contracts.marketplace,
      abi: marketplaceAbi,
      eventName,
      args,
      fromBlock,
      toBlock,
      strict: true,
    });
    const last = events.at(-1);
    if (last !== undefined) return last.transactionHash;
    if (fromBlock === 0n) return undefined;
    toBlock = fromBlock - 1n;
  }
}
