import { Encrypter } from 'age-encryption';
import { WeighbridgeError } from '../../kernel/index.js';

/** X25519 recipients only: what every age implementation reads. Their bech32 checksum catches a typing error. */
const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

/** Weights that are encrypted to a key that nobody has are lost, so a recipient is tried before the job is taken. @throws WeighbridgeError BAD_INPUT */
export function checkRecipient(recipient: string): void {
  try {
    if (!RECIPIENT.test(recipient)) throw new Error('not an X25519 recipient');
    new Encrypter().addRecipient(recipient);
  } catch (cause) {
    throw new WeighbridgeError('BAD_INPUT', 'recipient: not an age public key', {
      next: 'Give an "age1..." recipient whose identity file you hold.',
      cause,
    });
  }
}
