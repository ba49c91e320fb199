import { fromHex, WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { verifyCheckpoint, type TreeHead, type Trust } from '../../provenance/verify/index.js';
import { http } from '../api/http.js';

const TIMEOUT_MS = 20_000;

/** A log by its C2SP paths alone: `checkpoint` and `tile/...`. A static mirror will do; nothing read is trusted. */
export interface LogReader {
  /** The signed note. */
  checkpoint(): Promise<string>;
  tile(path: string): Promise<Uint8Array>;
}

export function createLogReader(baseUrl: string): LogReader {
  const read = async (path: string): Promise<Response> => {
    const url = `${baseUrl.replace(/\/$/, '')}/${path}`;
    const response = await http(url, { timeoutMs: TIMEOUT_MS, idempotent: true }).catch((error: unknown) => {
      throw unavailable(url, 'cannot be reached', error);
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw unavailable(url, `answered ${response.status}`);
  };
  return {
    checkpoint: async () => (await read('checkpoint')).text(),
    tile: async (path) => new Uint8Array(await (await read(path)).arrayBuffer()),
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

function unavailable(url: string, what: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('LOG_UNAVAILABLE', `the log at ${url} ${what}`, {
    next: 'Check that it runs and that the network file names it (log.url), then run the same command again.',
    retryable: true,
    cause,
  });
}
