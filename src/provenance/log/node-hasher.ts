import { hash } from 'node:crypto';
import type { Hasher } from '../verify/rfc6962.js';

/** What is hashed next; hashing is synchronous, so one buffer serves all. Grows to the longest entry seen. */
let leafInput = Buffer.alloc(4096);
const nodeInput = Buffer.alloc(65);
nodeInput[0] = 1;

/** RFC 6962 hashes by OpenSSL: twice as fast as the pure ones, and the one-shot form a third faster than `createHash`. */
export const nodeHasher: Hasher = {
  leaf(entry) {
    if (leafInput.length <= entry.length) leafInput = Buffer.alloc(2 * entry.length);
    leafInput.set(entry, 1);
    return hash('sha256', leafInput.subarray(0, 1 + entry.length), 'buffer');
  },
  node(left, right) {
    nodeInput.set(left, 1);
    nodeInput.set(right, 33);
    return hash('sha256', nodeInput, 'buffer');
  },
};
