import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { release } from '../kernel/bytes.js';
import { corrupt, misplaced } from './envelope-errors.js';
import type { PieceHeader } from './header.js';
import { TAG_BYTES } from './limits.js';
import type { ShardKey } from './shard-keys.js';

/** Frames that are tried to tell a frame in the wrong place from a changed one: it costs what decrypting so many costs. */
const MAX_TRIED = 8_192;

/** Of a frame that is encrypted at once. */
const STEP_BYTES = 64 << 10;
const WORD_BYTES = 8;

/** What the frames of one piece share. */
export interface FrameCipher extends ShardKey {
  /** SHA-256 of the header: binds every frame to dataset, shard and sizes. */
  associatedData: Uint8Array;
  frames: number;
}

export function frameCipher(shardKey: ShardKey, header: PieceHeader, headerBytes: Uint8Array): FrameCipher {
  return {
    ...shardKey,
    associatedData: createHash('sha256').update(headerBytes).digest(),
    frames: framesOf(header),
  };
}

export function framesOf({ plaintextBytes, frameBytes }: Pick<PieceHeader, 'plaintextBytes' | 'frameBytes'>): number {
  return Math.ceil(plaintextBytes / frameBytes);
}

/**
 * Encrypts frame `index` into the beginning of `sealed`: ciphertext, then tag. Node gives ciphertext in memory of its own; in steps of this
 * size it is copied on while the processor's cache still has it, which takes half as long as a frame at once. The first step ends at a
 * word's border of `sealed`: into memory that threads share, V8 copies words only if they lie alike at both ends, and bytes otherwise.
 */
export function sealFrame(cipher: FrameCipher, plaintext: Uint8Array, index: number, sealed: Uint8Array): void {
  const gcm = createCipheriv('aes-256-gcm', cipher.key, frameNonce(cipher, index));
  gcm.setAAD(cipher.associatedData);
  for (let at = 0, to = STEP_BYTES - (sealed.byteOffset % WORD_BYTES); at < plaintext.length; to += STEP_BYTES) {
    const ciphertext = gcm.update(plaintext.subarray(at, to));
    sealed.set(ciphertext, at);
    release(ciphertext);
    at = to;
  }
  gcm.final(); // GCM keeps nothing back
  sealed.set(gcm.getAuthTag(), plaintext.length);
}

/** @throws WeighbridgeError PIECE_CORRUPT, or PIECE_REORDERED, PIECE_REPEATED if it is another frame of the piece */
export function openFrame(cipher: FrameCipher, sealed: Uint8Array, index: number): Buffer {
  const plaintext = tryFrame(cipher, sealed, index);
  if (plaintext !== undefined) return plaintext;
  for (let other = 0; other < Math.min(cipher.frames, MAX_TRIED); other++) {
    if (other !== index && tryFrame(cipher, sealed, other)?.fill(0) !== undefined) throw misplaced(other, index);
  }
  throw corrupt(`frame ${index} does not authenticate`);
}

function tryFrame(cipher: FrameCipher, sealed: Uint8Array, index: number): Buffer | undefined {
  const end = sealed.length - TAG_BYTES;
  const gcm = createDecipheriv('aes-256-gcm', cipher.key, frameNonce(cipher, index), { authTagLength: TAG_BYTES });
  gcm.setAAD(cipher.associatedData);
  gcm.setAuthTag(sealed.subarray(end));
  const plaintext = gcm.update(sealed.subarray(0, end));
  try {
    gcm.final();
    return plaintext;
  } catch {
    plaintext.fill(0); // not authentic: nobody may see it
    return undefined;
  }
}

/**
 * STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): the index in the nonce stops reordering and repetition, the last
 * flag stops truncation at a frame's border.
 */
function frameNonce({ nonceBase, frames }: FrameCipher, index: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.set(nonceBase);
  nonce.writeUInt32BE(index, 7);
  nonce[11] = index === frames - 1 ? 1 : 0;
  return nonce;
}
