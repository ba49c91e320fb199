import { fromHex, type Bytes32 } from '../../kernel/index.js';
import { createHttpLogClient } from '../../provenance/index.js';
import { verifyCheckpoint, type TreeHead, type Trust } from '../../provenance/verify/index.js';

/** A log by its C2SP paths alone, `checkpoint` and `tile/...`: a static mirror will do. Nothing read is trusted. */
export interface LogReader {
  /** The signed note. */
  checkpoint(): Promise<string>;
  tile(path: string): Promise<Uint8Array>;
}

/** @throws WeighbridgeError LOG_UNAVAILABLE (retryable), from its calls */
export function createLogReader(url: string): LogReader {
  const log = createHttpLogClient({ url });
  return {
    // The client's own `checkpoint` is for anchoring and not of C2SP; the note is one more file.
    checkpoint: async () => new TextDecoder().decode(await log.tile('checkpoint')),
    tile: async (path) => log.tile(path),
  };
}

/** The newest checkpoint, with the log's signature and the witnesses' checked. @throws WeighbridgeError PROOF_INVALID */
export async function signedHead(log: LogReader, trust: Trust): Promise<TreeHead> {
  return verifyCheckpoint(await log.checkpoint(), trust);
}

/** What LogAnchor holds, as a tree head. */
export function headOnChain({ size, root }: { size: bigint; root: Bytes32 }): TreeHead {
  return { size: Number(size), root: fromHex(root) };
}
