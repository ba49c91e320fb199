import { parentPort } from 'node:worker_threads';
import { PieceHasher } from '../commp.js';
import type { HashAnswer, HashRequest } from './hashing.js';

/** Runs in a worker thread: hashes pieces as they arrive, beside the thread that takes them from the network. */
const hashers = new Map<number, PieceHasher>();

parentPort?.on('message', (request: HashRequest) => {
  const { id } = request;
  const hasher = hashers.get(id) ?? new PieceHasher();
  hashers.set(id, hasher);
  if (request.kind === 'block') {
    hasher.write(request.bytes);
    answer({ id, kind: 'took' });
    return;
  }
  hashers.delete(id);
  if (request.kind === 'end') answer({ id, kind: 'cid', pieceCid: hasher.digest() });
});

function answer(told: HashAnswer): void {
  parentPort?.postMessage(told, []);
}
