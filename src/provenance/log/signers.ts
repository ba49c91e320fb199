import { sign } from 'node:crypto';
import { utf8 } from '../../kernel/index.js';
import { readEd25519Key } from '../ed25519-key.js';
import { formatCheckpoint } from '../verify/checkpoint.js';
import { formatNote, formatVerifierKey, keyHashOf } from '../verify/note.js';
import type { NoteSigner } from './ports.js';

/**
 * The log's Ed25519 key: signs notes, nothing else.
 * @param pem - PKCS8
 * @throws WeighbridgeError CONFIG_INVALID
 */
export function noteSigner(origin: string, pem: string): NoteSigner & { readonly vkey: string } {
  const { privateKey, publicKey } = readEd25519Key(pem, 'LOG_KEY_FILE');
  const keyHash = keyHashOf(origin, 'ed25519', publicKey);
  return {
    origin,
    vkey: formatVerifierKey(origin, 'ed25519', publicKey),
    sign(size, root) {
      const text = formatCheckpoint({ origin, size, root });
      const signature = sign(null, utf8(text), privateKey);
      return formatNote({ text, signatures: [{ name: origin, keyHash, signature }] });
    },
  };
}
