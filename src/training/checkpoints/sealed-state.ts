import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { canonicalJson, concatBytes, utf8, type Bytes32 } from '../../kernel/index.js';
import type { TrainerIdentity } from '../../provenance/statements.js';

/** What a run's state belongs to: a run goes on from it only if all of this is the same, and is then a replay, bit by bit. */
export interface RunOfState {
  orderId: Bytes32;
  /** SHA-256 of the declaration. */
  jobDigest: Bytes32;
  /** Of the rows. */
  manifestDigest: Bytes32;
  trainer: TrainerIdentity;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A nonce, ciphertext, tag: AES-256-GCM under the job's own key, bound to its run. */
export function sealState(key: Uint8Array, run: RunOfState, state: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(boundTo(run));
  return concatBytes(nonce, cipher.update(state), cipher.final(), cipher.getAuthTag());
}

/** Undefined for the state of another run, one that another engine computed, and bytes that are none. */
export function openState(key: Uint8Array, run: RunOfState, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(run)).setAuthTag(sealed.subarray(end));
  try {
    return concatBytes(decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final());
  } catch {
    return undefined;
  }
}

function boundTo(run: RunOfState): Uint8Array {
  return utf8(canonicalJson({ format: 'weighbridge-checkpoint/v1', ...run }));
}
