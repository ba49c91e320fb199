import { fromHex, type Bytes32 } from '../../kernel/index.js';
import type { LogReader } from '../../provenance/index.js';
import { verifyCheckpoint, type TreeHead, type Trust } from '../../provenance/verify/index.js';

/** The newest checkpoint, with the log's signature and the witnesses' checked. @throws WeighbridgeError PROOF_INVALID */
export async function signedHead(log: LogReader, trust: Trust): Promise<TreeHead> {
  return verifyCheckpoint(await log.checkpoint(), trust);
}

/** What LogAnchor holds, as a tree head. */
export function headOnChain({ size, root }: { size: bigint; root: Bytes32 }): TreeHead {
  return { size: Number(size), root: fromHex(root) };
}
