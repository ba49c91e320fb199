import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { KeyVault } from '../../src/access/ports.js';
import { WeighbridgeError, type Bytes32, type ErrorCode, type Network } from '../../src/kernel/index.js';
import type { WrappedKey } from '../../src/catalog/manifest.js';

export interface WrapRequest {
  /** 32 bytes; the thread overwrites its copy. */
  dataKey: Uint8Array;
  keyId: Bytes32;
}

/** What comes back: an error in its parts, because a class does not pass between threads. */
export type WrapAnswer =
  | { kind: 'wrapped'; key: WrappedKey }
  | {
      kind: 'refused';
      code: ErrorCode;
      message: string;
      next: string;
      details: Record<string, unknown>;
      retryable: boolean;
    };

/** The SDK needs 30 MB of heap; left alone, it would take 120 while it loads. */
const SMALL = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

/**
 * Wraps keys in a thread of its own: the SDK takes most of a second to load, in which nothing else would be sent or signed.
 * @throws WeighbridgeError as `createKeyVault` does
 */
export function wrapInThread(network: Network): Pick<KeyVault, 'wrap'> & { close(): Promise<void> } {
  // What the SDK prints goes nowhere: these streams are read by nobody.
  const worker = new Worker(new URL('./wrapping-thread.js', import.meta.url), {
    workerData: network,
    resourceLimits: SMALL,
    stdout: true,
    stderr: true,
  });
  const died = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  died.catch(() => undefined); // whoever waits for a key hears of it
  return {
    wrap: async (dataKey, keyId) => {
      const answer = once(worker, 'message');
      worker.postMessage({ dataKey, keyId } satisfies WrapRequest);
      const [told] = (await Promise.race([answer, died])) as [WrapAnswer];
      if (told.kind === 'wrapped') return told.key;
      const { code, message, ...rest } = told;
      throw new WeighbridgeError(code, message, rest);
    },
    close: async () => void (await worker.terminate()),
  };
}
