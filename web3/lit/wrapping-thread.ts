import { parentPort, workerData } from 'node:worker_threads';
import { isWeighbridgeError, type Network } from '../../src/kernel/index.js';
import { createKeyVault } from './key-vault.js';
import type { WrapAnswer, WrapRequest } from './wrap-in-thread.js';

/** Runs in a worker thread: wraps one key after the other, over one connection to the key nodes. */
const vault = createKeyVault({ network: workerData as Network });
let turn: Promise<void> = Promise.resolve();
parentPort?.on('message', (request: WrapRequest) => {
  turn = turn.then(async () => parentPort?.postMessage(await wrap(request)));
});

async function wrap({ dataKey, keyId }: WrapRequest): Promise<WrapAnswer> {
  try {
    return { kind: 'wrapped', key: await vault.wrap(dataKey, keyId) };
  } catch (error) {
    // Anything else is a fault of the program; its words may hold the key, so they stay here.
    if (!isWeighbridgeError(error)) throw new Error('the key could not be wrapped', { cause: error });
    const { code, message, next, details, retryable } = error;
    return { kind: 'refused', code, message, next, details, retryable };
  } finally {
    dataKey.fill(0);
  }
}
