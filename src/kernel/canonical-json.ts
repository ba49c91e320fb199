import canonicalize from 'canonicalize';
import { sha256Hex, utf8 } from './bytes.js';

/** RFC 8785 canonical JSON: the bytes that digests and signatures are taken over. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('value has no JSON form');
  return text;
}

/** SHA-256 over the canonical JSON of a value, 64 hex digits. */
export function jsonDigest(value: unknown): string {
  return sha256Hex(utf8(canonicalJson(value)));
}
