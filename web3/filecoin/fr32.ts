/** Raw bytes in one quad: 127 bytes become 128. */
export const QUAD_RAW_BYTES = 127;
export const QUAD_PADDED_BYTES = 128;

/** Four quads are a whole number of 32-bit words on both sides: 127 of them become 128. */
const GROUP_QUADS = 4;
const GROUP_RAW_WORDS = 127;
const GROUP_PADDED_WORDS = 128;
const LEAF_WORDS = 8;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * fr32 padding: after every 254 bits come two zero bits, so that each 32-byte leaf is below the order of the BLS12-381
 * scalar field (Filecoin specification, "Piece and client deal"). `quads` times 127 bytes are read from `source`, 128
 * are written to `target`, both from their starts. Bits count from the least significant of each byte, so on a
 * little-endian machine whole words can be shifted: four times as fast as bytes.
 */
export function padFr32(source: Uint8Array, target: Uint8Array, quads: number): void {
  const groups = IS_LITTLE_ENDIAN && target.byteOffset % 4 === 0 ? Math.floor(quads / GROUP_QUADS) : 0;
  if (groups > 0) {
    const words = wordsOf(source, groups * GROUP_RAW_WORDS);
    padGroups(words, new Uint32Array(target.buffer, target.byteOffset, groups * GROUP_PADDED_WORDS), groups);
  }
  for (let quad = groups * GROUP_QUADS; quad < quads; quad++) {
    padQuad(source, quad * QUAD_RAW_BYTES, target, quad * QUAD_PADDED_BYTES);
  }
}

/** The first words of `bytes`; they are copied where they do not lie on a word's border. */
function wordsOf(bytes: Uint8Array, words: number): Uint32Array {
  if (bytes.byteOffset % 4 === 0) return new Uint32Array(bytes.buffer, bytes.byteOffset, words);
  return new Uint32Array(bytes.slice(0, words * 4).buffer);
}

/** Leaf k of a group starts at bit 254 k of its source. Typed-array reads in bounds, by the counts that callers give. */
function padGroups(source: Uint32Array, target: Uint32Array, groups: number): void {
  for (let group = 0, to = 0; group < groups; group++) {
    const groupStart = group * GROUP_RAW_WORDS;
    for (let leaf = 0; leaf < GROUP_PADDED_WORDS / LEAF_WORDS; leaf++, to += LEAF_WORDS) {
      const from = groupStart + ((leaf * 254) >>> 5);
      const low = (leaf * 254) & 31;
      if (low === 0) copyLeaf(source, from, target, to);
      else shiftLeaf(source, from, low, target, to);
    }
  }
}

function copyLeaf(source: Uint32Array, from: number, target: Uint32Array, to: number): void {
  for (let i = 0; i < LEAF_WORDS - 1; i++) target[to + i] = at(source, from + i);
  target[to + LEAF_WORDS - 1] = at(source, from + LEAF_WORDS - 1) & 0x3fffffff;
}

/** The last word of a leaf has 30 bits. With a shift of 2 they all come from one source word, the last one of the group. */
function shiftLeaf(source: Uint32Array, from: number, low: number, target: Uint32Array, to: number): void {
  const high = 32 - low;
  let word = at(source, from);
  for (let i = 0; i < LEAF_WORDS - 1; i++) {
    const next = at(source, from + i + 1);
    target[to + i] = (word >>> low) | (next << high);
    word = next;
  }
  const rest = low === 2 ? 0 : at(source, from + LEAF_WORDS) << high;
  target[to + LEAF_WORDS - 1] = ((word >>> low) | rest) & 0x3fffffff;
}

/** One unrolled step a leaf: the k-th leaf is the source shifted left by 2k bits. */
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

function at(items: Uint8Array | Uint32Array, index: number): number {
  return items[index] as number; // every caller stays within what it was given
}
