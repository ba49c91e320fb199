import { hash } from 'node:crypto';
import type { Hasher } from '../verify/rfc6962.js';

/** What is hashed next; hashing is synchronous, so one buffer serves all. Grows to the longest entry seen. */
let leafInput = Buffer.alloc(4096);
const nodeInput = Buffer.alloc(65);
nodeInput[0] = 1;

/** RFC 6962 leaf hash, 64 hex digits. */
export function leafHex(entry: Uint8Array): string {
  if (leafInput.length <= entry.length) leafInput = Buffer.alloc(2 * entry.length);
  leafInput.set(entry, 1);
  return hash('sha256', leafInput.subarray(0, 1 + entry.length), 'hex');
}

/**
 * RFC 6962 hashes by OpenSSL: twice as fast as the pure ones, and the one-shot form a third faster than `createHash`. By way
 * of hex: a hash that OpenSSL hands over as bytes is an allocation outside the heap, which costs more than the detour.
 */
export const nodeHasher: Hasher = {
  leaf: (entry) => Buffer.from(leafHex(entry), 'hex'),
  node(left, right) {
    nodeInput.set(left, 1);
    nodeInput.set(right, 33);
    return Buffer.from(hash('sha256', nodeInput, 'hex'), 'hex');
  },
};
