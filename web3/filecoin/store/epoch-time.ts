import { getBlock } from 'viem/actions';
import type { FocReader } from './foc-client.js';

/** An epoch of Filecoin; a devnet's is what its blocks say. */
const FILECOIN_EPOCH_MS = 30_000;
const FILECOIN_CHAINS = [314, 314_159];
const SAMPLE = 100n;
const LAST_DATE_MS = 8.64e15;

/** When an epoch was, or will be at the present pace; null for one that is not reached in the time that dates have. */
export async function epochTime(client: FocReader): Promise<(epoch: bigint) => Date | null> {
  const head = await getBlock(client, { blockTag: 'latest' });
  const headMs = Number(head.timestamp) * 1_000;
  const epochMs = FILECOIN_CHAINS.includes(client.chain.id) ? FILECOIN_EPOCH_MS : await measured(client, head);
  return (epoch) => {
    const timeMs = headMs + Number(epoch - head.number) * epochMs;
    return Math.abs(timeMs) < LAST_DATE_MS ? new Date(timeMs) : null;
  };
}

async function measured(client: FocReader, head: { number: bigint; timestamp: bigint }): Promise<number> {
  const back = head.number < SAMPLE ? head.number : SAMPLE;
  if (back === 0n) return 1_000;
  const earlier = await getBlock(client, { blockNumber: head.number - back });
  return (Number(head.timestamp - earlier.timestamp) * 1_000) / Number(back);
}
