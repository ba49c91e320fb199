import { hash } from 'node:crypto';
import type { Hasher } from '../verify/rfc6962.js';

/** RFC 6962 hashes by OpenSSL: twice as fast as the pure ones, and the one-shot form a third faster than `createHash`. */
export const nodeHasher: Hasher = {
  leaf(entry) {
    const input = Buffer.allocUnsafe(1 + entry.length);
    input[0] = 0;
    input.set(entry, 1);
    return hash('sha256', input, 'buffer');
  },
  node(left, right) {
    const input = Buffer.allocUnsafe(65);
    input[0] = 1;
    input.set(left, 1);
    input.set(right, 33);
    return hash('sha256', input, 'buffer');
  },
};
