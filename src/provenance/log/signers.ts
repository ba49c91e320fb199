import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { keccak256, stringToBytes, type LocalAccount } from 'viem';
import { logAnchorDomain, to0x, TYPES, utf8, WeighbridgeError, type Deployed, type Hex } from '../../kernel/index.js';
import { formatCheckpoint } from '../verify/checkpoint.js';
import { formatNote, formatVerifierKey, keyHashOf } from '../verify/note.js';
import type { NoteSigner } from './ports.js';

/**
 * The log's Ed25519 key: signs notes, nothing else.
 * @param pem - PKCS8
 * @throws WeighbridgeError CONFIG_INVALID
 */
export function noteSigner(origin: string, pem: string): NoteSigner & { readonly vkey: string } {
  const key = ed25519Key(pem);
  // The last 32 bytes of an Ed25519 SubjectPublicKeyInfo are the key (RFC 8410).
  const publicKey = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32));
  const keyHash = keyHashOf(origin, 'ed25519', publicKey);
  return {
    origin,
    vkey: formatVerifierKey(origin, 'ed25519', publicKey),
    sign(size, root) {
      const text = formatCheckpoint({ origin, size, root });
      return formatNote({ text, signatures: [{ name: origin, keyHash, signature: sign(null, utf8(text), key) }] });
    },
  };
}

/** The log's secp256k1 key: signs checkpoints the way LogAnchor reads them. Deterministic (RFC 6979). */
export async function signAnchorCheckpoint(
  account: LocalAccount,
  anchor: Deployed,
  checkpoint: { origin: string; size: number; root: Uint8Array },
): Promise<Hex> {
  return account.signTypedData({
    domain: logAnchorDomain(anchor),
    types: TYPES,
    primaryType: 'Checkpoint',
    message: {
      origin: keccak256(stringToBytes(checkpoint.origin)),
      size: BigInt(checkpoint.size),
      root: to0x(checkpoint.root),
    },
  });
}

function ed25519Key(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Falls through: the reason would quote the key file.
  }
  throw new WeighbridgeError('CONFIG_INVALID', 'LOG_KEY_FILE is not an Ed25519 key in PKCS8 PEM', {
    next: 'Make one with: openssl genpkey -algorithm ed25519',
  });
}
