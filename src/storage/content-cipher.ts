import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { corrupt } from './header.js';
import { TAG_BYTES } from './limits.js';

export const KEY_BYTES = 32;
/** RFC 3394 section 2.2.3.1, the default initial value: it is what makes an unwrap under a wrong key fail. */
const WRAP_IV = Buffer.alloc(8, 0xa6);

/** A256KW. */
export function wrapContentKey(dataKey: Uint8Array, contentKey: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', dataKey, WRAP_IV);
  return Buffer.concat([cipher.update(contentKey), cipher.final()]);
}

/** @throws WeighbridgeError PIECE_CORRUPT if the key was wrapped by another data key, or was changed. */
export function unwrapContentKey(dataKey: Uint8Array, wrapped: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', dataKey, WRAP_IV);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    throw corrupt('its content key does not open under this data key');
  }
}

/** What the chunks of one piece share. */
export interface ContentCipher {
  contentKey: Uint8Array;
  nonceBase: Uint8Array;
  /** SHA-256 of the header: binds every chunk to this piece and to its parameters. */
  associatedData: Uint8Array;
}

export function associatedDataOf(header: Uint8Array): Buffer {
  return createHash('sha256').update(header).digest();
}

/** Ciphertext and tag of chunk `index`, apart: joining them would copy every byte once more. */
export function sealChunk(
  cipher: ContentCipher,
  plaintext: Uint8Array,
  index: number,
  last: boolean,
): [ciphertext: Buffer, tag: Buffer] {
  const gcm = createCipheriv('aes-256-gcm', cipher.contentKey, chunkNonce(cipher.nonceBase, index, last));
  gcm.setAAD(cipher.associatedData);
  const ciphertext = gcm.update(plaintext);
  gcm.final(); // GCM keeps nothing back
  return [ciphertext, gcm.getAuthTag()];
}

/** @throws WeighbridgeError PIECE_CORRUPT if this is not chunk `index`, or not the last when it should be. */
export function openChunk(cipher: ContentCipher, sealed: Uint8Array, index: number, last: boolean): Buffer {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) throw corrupt('it ends within a chunk');
  if (end === 0 && index > 0) throw corrupt('it has an empty chunk at its end');
  const gcm = createDecipheriv('aes-256-gcm', cipher.contentKey, chunkNonce(cipher.nonceBase, index, last), {
    authTagLength: TAG_BYTES,
  });
  gcm.setAAD(cipher.associatedData);
  gcm.setAuthTag(sealed.subarray(end));
  const plaintext = gcm.update(sealed.subarray(0, end));
  try {
    gcm.final();
  } catch {
    plaintext.fill(0); // not authentic: nobody may see it
    throw corrupt(`chunk ${index} does not authenticate`);
  }
  return plaintext;
}

/**
 * STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): the index in the nonce stops reordering and duplication, the last
 * flag stops truncation at a chunk border.
 */
function chunkNonce(nonceBase: Uint8Array, index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.set(nonceBase);
  nonce.writeUInt32BE(index, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}
