import { isWeighbridgeError, type Hex } from '../kernel/index.js';
import { anchorArgs, type AnchorCall, type AnchoredHead } from './anchor-args.js';
import type { LogClient } from './ports.js';

/** `LogAnchor`, for whoever keeps it close behind the log. */
export interface AnchorChain {
  /** The newest anchored checkpoint, and when it was: chain time, Unix seconds; 0 before the first. */
  anchored(): Promise<AnchoredHead & { atSeconds: number }>;
  /** Chain time, Unix seconds. */
  now(): Promise<number>;
  /** @throws WeighbridgeError TRANSACTION_REVERTED, also if somebody else anchored first; CHAIN_UNAVAILABLE */
  anchor(call: AnchorCall): Promise<Hex>;
}

/**
 * Anchors the log's newest checkpoint if the last anchor is older than `everyMs` and there is something new. Jobs anchor by
 * themselves (`anchorAndRecord`); this is for the records that no job waits for, so that they too cannot be rewritten for long.
 * Any number of workers may do it: the chain's own time decides, and who comes second finds it done.
 * @returns the size that was anchored; undefined if it was not time, or nothing was new
 * @throws WeighbridgeError LOG_BEHIND_ANCHOR, PROOF_INVALID, LOG_UNAVAILABLE, CHAIN_UNAVAILABLE, TRANSACTION_REVERTED
 */
export async function anchorWhenDue(
  log: Pick<LogClient, 'checkpoint' | 'tile'>,
  chain: AnchorChain,
  everyMs: number,
): Promise<number | undefined> {
  const anchored = await chain.anchored();
  if (((await chain.now()) - anchored.atSeconds) * 1000 < everyMs) return undefined;
  const call = await anchorArgs(log, anchored);
  if (call.size === anchored.size) return undefined;
  try {
    await chain.anchor(call);
  } catch (error) {
    const overtaken = isWeighbridgeError(error) && error.code === 'TRANSACTION_REVERTED';
    if (!overtaken || (await chain.anchored()).size === anchored.size) throw error;
    return undefined;
  }
  return Number(call.size);
}
