import { parentPort, workerData } from 'node:worker_threads';
import { isWeighbridgeError } from '../../kernel/index.js';
import type { Failure } from './bundle-pool.js';
import { checkBundles, type BundleRange } from './check-bundles.js';
import { openLogSource, type LogSource } from './log-source.js';

/** A thread of `bundle-pool`: takes ranges, answers what it found, until the parent ends it. */
const log = openLogSource(workerData as LogSource);

parentPort?.on('message', (range: BundleRange) => {
  checkBundles(log.tile, range).then(
    (found) => parentPort?.postMessage({ found }, [found.roots.buffer as ArrayBuffer]),
    // An error crosses threads as plain data only.
    (error: unknown) => parentPort?.postMessage({ failed: plain(error) }),
  );
});

function plain(error: unknown): Failure {
  if (isWeighbridgeError(error)) {
    const { code, message, next, retryable } = error;
    return { code, message, next, retryable };
  }
  return { code: 'INTERNAL', message: String(error), next: 'Report this as a bug.', retryable: false };
}
