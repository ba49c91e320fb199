import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

/** A `0x`-prefixed lower-case hex string, as viem and the contracts use it. */
export type Hex = `0x${string}`;
/** 32 bytes as `0x` and 64 hex digits. */
export type Bytes32 = Hex;
/** A checksummed or lower-case EVM address. */
export type Address = Hex;

const encoder = new TextEncoder();

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes as hex without `0x`. */
export function toHex(bytes: Uint8Array): string {
  return bytesToHex(bytes);
}

/** Bytes as `0x`-prefixed hex. */
export function to0x(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`;
}

/** Hex with or without `0x` to bytes. @throws Error on odd length or a non-hex digit. */
export function fromHex(hex: string): Uint8Array {
  return hexToBytes(hex.startsWith('0x') ? hex.slice(2) : hex);
}

/** SHA-256 as 64 hex digits, no prefix: how digests are written in statements, manifests and URLs. */
export function sha256Hex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

/** Equal length and equal bytes. Not constant time: for public values only. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/**
 * Frees the memory of bytes that were copied on, at once. It lies outside of V8's heap: left to the garbage collector, 64 MiB of
 * it pile up in each thread before the whole heap is marked for it, which takes longer than hashing them.
 * @param bytes - nobody else's; they are empty afterwards. Part of a larger buffer is left alone.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
