import type { CheckpointArgs, InclusionArgs, MarketplaceChain } from '../../access/ports.js';
import { isWeighbridgeError, type Hex } from '../../kernel/index.js';
import { anchorArgs, inclusionArgs, type LogClient } from '../../provenance/index.js';

/** Another party may anchor between our read and our transaction; then the proof is made again against what stands. */
const ATTEMPTS = 5;

/**
 * Sends a transaction that needs the inclusion of log entry `index` under an anchored checkpoint.
 * @param send receives the newest checkpoint with its consistency proof, and the inclusion proof under it
 * @throws WeighbridgeError WITNESSES_MISSING (retryable), LOG_UNAVAILABLE, CHAIN_UNAVAILABLE, TRANSACTION_REVERTED
 */
export async function withAnchoredProof(
  { log, chain }: { log: LogClient; chain: MarketplaceChain },
  index: number,
  send: (checkpoint: CheckpointArgs, inclusion: InclusionArgs) => Promise<Hex>,
): Promise<Hex> {
  for (let attempt = 1; ; attempt += 1) {
    const anchored = await chain.anchored();
    const checkpoint = await anchorArgs(log, anchored, index);
    const inclusion = await inclusionArgs(log, index, checkpoint);
    try {
      return await send(checkpoint, inclusion);
    } catch (error) {
      if (!isWeighbridgeError(error) || error.code !== 'TRANSACTION_REVERTED' || attempt === ATTEMPTS) throw error;
      if ((await chain.anchored()).size === anchored.size) throw error;
    }
  }
}
