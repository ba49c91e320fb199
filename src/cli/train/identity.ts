import { chmod, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { WeighbridgeError } from '../../kernel/index.js';
import { writeFileAtomic } from '../state/atomic-file.js';

const FILE = 'identity.txt';

export interface NewIdentity {
  /** Secret. */
  identity: string;
  /** Public, `age1...`. */
  recipient: string;
}

/** A fresh age key pair for one job: weights of one job open with no other job's key. */
export async function newIdentity(): Promise<NewIdentity> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** Keeps it in the form of `age-keygen`, so that `age -d -i identity.txt` opens the weights as well. Durable when it returns. */
export async function saveIdentity(dir: string, { identity, recipient }: NewIdentity): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // mkdir leaves an existing directory's mode alone.
  await chmod(dir, 0o700);
  await writeFileAtomic(path.join(dir, FILE), `# public key: ${recipient}\n${identity}\n`);
}

/**
 * Opens an age file with the job's own key.
 * @throws WeighbridgeError CONFIG_INVALID when the identity is gone, DIGEST_MISMATCH when the file was not made for it
 */
export async function decryptWith(dir: string, ciphertext: Uint8Array): Promise<Uint8Array> {
  const file = path.join(dir, FILE);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new WeighbridgeError('CONFIG_INVALID', `the key to this job's weights, ${file}, cannot be read`, {
      next: 'Run the command on the machine, and with the state directory, that started the job.',
      cause: error,
    });
  });
  const identity = text.split('\n').find((line) => line.startsWith('AGE-SECRET-KEY-'));
  try {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity ?? '');
    return await decrypter.decrypt(ciphertext);
  } catch (error) {
    throw new WeighbridgeError('DIGEST_MISMATCH', "the weights were not encrypted to this job's key, or were changed", {
      next: 'Run the same command again; if it stays so, show the receipt to the operator.',
      cause: error,
    });
  }
}
