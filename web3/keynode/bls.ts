import { bls12_381 } from '@noble/curves/bls12-381.js';
import { to0x, utf8, type Hex } from '../../src/kernel/index.js';

/**
 * BLS signatures on BLS12-381 as Lit's nodes make them: public keys in G1 (48 bytes), signatures in G2 (96 bytes), the
 * proof-of-possession ciphersuite of draft-irtf-cfrg-bls-signature-05, section 4.2.3. Pinned by Lit's vectors in
 * `bls.spec.ts`.
 */
const DST = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';
const bls = bls12_381.longSignatures;

/** The scalar field that shares live in. */
export const Fr = bls12_381.fields.Fr;

/** One node's part of the network's signature over an identity. @param share 32 bytes, big-endian */
export function signIdentity(share: Uint8Array, identity: string): Uint8Array {
  return bls.Signature.toBytes(bls.sign(bls.hash(utf8(identity), DST), share));
}

/** @param secret 32 bytes, big-endian; not zero */
export function publicKeyOf(secret: Uint8Array): Hex {
  return to0x(bls.getPublicKey(secret).toBytes(true));
}

/** A uniform scalar, never zero. */
export function randomScalar(): bigint {
  return Fr.fromBytes(bls12_381.utils.randomSecretKey());
}
