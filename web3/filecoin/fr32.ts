/** Raw bytes in one quad: 127 bytes become 128. */
export const QUAD_RAW_BYTES = 127;
export const QUAD_PADDED_BYTES = 128;

/** Four quads are a whole number of 32-bit words on both sides: 127 of them become 128. */
const GROUP_QUADS = 4;
const GROUP_RAW_WORDS = 127;
const GROUP_PADDED_WORDS = 128;
const LEAF_WORDS = 8;
const LAST_WORD = 0x3fffffff;
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
    padGroups(words, new Int32Array(target.buffer, target.byteOffset, groups * GROUP_PADDED_WORDS), groups);
  }
  for (let quad = groups * GROUP_QUADS; quad < quads; quad++) {
    padQuad(source, quad * QUAD_RAW_BYTES, target, quad * QUAD_PADDED_BYTES);
  }
}

/** The first words of `bytes`; they are copied where they do not lie on a word's border. */
function wordsOf(bytes: Uint8Array, words: number): Int32Array {
  if (bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, words);
  // Not by `slice`: that of a Buffer copies nothing.
  return new Int32Array(new Uint8Array(bytes.subarray(0, words * 4)).buffer);
}

/**
 * Leaf k of a group is its source shifted left by 2k bits, from word 8k on: each word takes what the one before it had no room for, and the
 * last one has 30 bits. Written out, because a loop over eight words takes half as long again; the whole is a fifth of a piece CID.
 */
function padGroups(source: Int32Array, target: Int32Array, groups: number): void {
  for (let group = 0; group < groups; group++) {
    const from = group * GROUP_RAW_WORDS;
    const to = group * GROUP_PADDED_WORDS;
    for (let i = 0; i < LEAF_WORDS - 1; i++) target[to + i] = word(source, from + i);
    target[to + LEAF_WORDS - 1] = word(source, from + LEAF_WORDS - 1) & LAST_WORD;
    for (let shift = 2; shift < 32; shift += 2) {
      const back = 32 - shift;
      const s = from + shift * (LEAF_WORDS / 2);
      const t = to + shift * (LEAF_WORDS / 2);
      const w0 = word(source, s);
      const w1 = word(source, s + 1);
      const w2 = word(source, s + 2);
      const w3 = word(source, s + 3);
      const w4 = word(source, s + 4);
      const w5 = word(source, s + 5);
      const w6 = word(source, s + 6);
      const w7 = shift === 30 ? 0 : word(source, s + 7); // the group has 127 words, and no bit of another is wanted
      target[t] = (word(source, s - 1) >>> back) | (w0 << shift);
      target[t + 1] = (w0 >>> back) | (w1 << shift);
      target[t + 2] = (w1 >>> back) | (w2 << shift);
      target[t + 3] = (w2 >>> back) | (w3 << shift);
      target[t + 4] = (w3 >>> back) | (w4 << shift);
      target[t + 5] = (w4 >>> back) | (w5 << shift);
      target[t + 6] = (w5 >>> back) | (w6 << shift);
      target[t + 7] = ((w6 >>> back) | (w7 << shift)) & LAST_WORD;
    }
  }
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

// Two, so that each sees arrays of one kind: a reader of both takes twice as long. Every caller stays within what it was given.
function at(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

function word(words: Int32Array, index: number): number {
  return words[index] as number;
}
