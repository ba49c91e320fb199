import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { WeighbridgeError } from '../kernel/index.js';

/** A key that signs notes, and its public half as vkeys carry it. */
export interface Ed25519Key {
  privateKey: KeyObject;
  /** 32 bytes. */
  publicKey: Uint8Array;
}

/**
 * @param pem - PKCS8
 * @param variable - names the key in the error, which never quotes it
 * @throws WeighbridgeError CONFIG_INVALID
 */
export function readEd25519Key(pem: string, variable: string): Ed25519Key {
  const privateKey = parse(pem);
  if (privateKey?.asymmetricKeyType !== 'ed25519') {
    throw new WeighbridgeError('CONFIG_INVALID', `${variable} is not an Ed25519 key in PKCS8 PEM`, {
      next: 'Make one with: openssl genpkey -algorithm ed25519',
      details: { variable },
    });
  }
  // The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key (RFC 8410).
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32);
  return { privateKey, publicKey: new Uint8Array(publicKey) };
}

function parse(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The reason would quote the file.
    return undefined;
  }
}
