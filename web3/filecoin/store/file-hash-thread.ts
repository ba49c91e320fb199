import { parentPort } from 'node:worker_threads';
import { FileHash } from './file-hash.js';
import type { FileHashAnswer, FileHashRequest } from './hash-in-thread.js';

/** Runs in a worker thread: hashes files that the main thread fills from the network. Descriptors are the process's. */
const files = new Map<number, FileHash>();

parentPort?.on('message', (request: FileHashRequest) => {
  const { id } = request;
  try {
    if (request.kind === 'open') files.set(id, new FileHash(request.fd));
    else if (request.kind === 'reach') files.get(id)?.reach(request.toByte);
    else answer({ id, pieceCid: request.kind === 'digest' ? (files.get(id)?.digest() ?? '') : '' });
  } catch (error) {
    answer({ id, failure: error instanceof Error ? error.message : String(error) });
  }
  if (request.kind === 'digest' || request.kind === 'drop') files.delete(id);
});

function answer(told: FileHashAnswer): void {
  parentPort?.postMessage(told, []);
}
