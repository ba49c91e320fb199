/** Raw bytes in one quad: 127 bytes become 128. */
export const QUAD_RAW_BYTES = 127;
export const QUAD_PADDED_BYTES = 128;

/**
 * fr32 padding: after every 254 bits come two zero bits, so that each 32-byte leaf is below the order of the BLS12-381
 * scalar field (Filecoin specification, "Piece and client deal"). `quads` times 127 bytes are read from `source`, 128
 * are written to `target`, both from their starts. Bits count from the least significant of each byte.
 */
export function padFr32(source: Uint8Array, target: Uint8Array, quads: number): void {
  for (let quad = 0, from = 0, to = 0; quad < quads; quad++, from += QUAD_RAW_BYTES, to += QUAD_PADDED_BYTES) {
    padQuad(source, from, target, to);
  }
}

/** One unrolled step a leaf: the k-th leaf is the source shifted left by 2k bits. Typed-array reads in bounds. */
function padQuad(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let i = 0; i < 31; i++) target[to + i] = at(source, from + i);
  let byte = at(source, from + 31);
  target[to + 31] = byte & 0x3f;

  let carry = byte >>> 6;
  for (let i = 32; i < 63; i++) {
    byte = at(source, from + i);
    target[to + i] = (byte << 2) | carry;
    carry = byte >>> 6;
  }
  byte = at(source, from + 63);
  target[to + 63] = ((byte << 2) | carry) & 0x3f;

  carry = byte >>> 4;
  for (let i = 64; i < 95; i++) {
    byte = at(source, from + i);
    target[to + i] = (byte << 4) | carry;
    carry = byte >>> 4;
  }
  byte = at(source, from + 95);
  target[to + 95] = ((byte << 4) | carry) & 0x3f;

  carry = byte >>> 2;
  for (let i = 96; i < 127; i++) {
    byte = at(source, from + i);
    target[to + i] = (byte << 6) | carry;
    carry = byte >>> 2;
  }
  target[to + 127] = carry & 0x3f;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] as number; // every caller stays within 127 bytes a quad
}
