import { open, readFile, stat } from 'node:fs/promises';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { fromHex, to0x, utf8, WeighbridgeError, type Bytes32, type Hex } from '../../kernel/index.js';

const HOW =
  'Make one with "weighbridge account new --out key.txt" and name it with --key-file or WEIGHBRIDGE_KEY_FILE.';

export interface KeyFile {
  account: PrivateKeyAccount;
  /** The account that signs for this one in the records of one dataset version, and of no other. */
  pseudonym(keyId: Bytes32): PrivateKeyAccount;
  /** Set when others on this machine can read the key. */
  warning?: string;
}

/**
 * Reads a private key: `0x` and 64 hex digits, one line. What the file holds never shows in an error.
 * @throws WeighbridgeError CONFIG_INVALID
 */
export async function readKeyFile(file: string | undefined): Promise<KeyFile> {
  if (file === undefined)
    throw new WeighbridgeError('CONFIG_INVALID', 'this command needs your key, and no key file is named', {
      next: HOW,
    });
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new WeighbridgeError('CONFIG_INVALID', `the key file ${file} cannot be read`, { next: HOW, cause: error });
  });
  const key = text.trim();
  const account = accountOf(key);
  if (account === undefined) {
    throw new WeighbridgeError('CONFIG_INVALID', `${file} does not hold a private key (0x and 64 hex digits)`, {
      next: HOW,
    });
  }
  const open = (await stat(file)).mode & 0o077;
  const read = { account, pseudonym: (keyId: Bytes32) => pseudonymOf(key as Hex, keyId) };
  return open === 0 ? read : { ...read, warning: `others can read ${file}: run "chmod 600 ${file}"` };
}

/**
 * HKDF of the account's key, a key for each dataset version: the same again on every machine that has the account, and without
 * it nobody tells two of them from two strangers'. `clients/python` derives the same.
 */
export function pseudonymOf(key: Hex, keyId: Bytes32): PrivateKeyAccount {
  return privateKeyToAccount(to0x(hkdf(sha256, fromHex(key), fromHex(keyId), utf8('weighbridge/pseudonym/v1'), 32)));
}

/** Makes a key that only its owner can read. Never overwrites one. @throws WeighbridgeError BAD_INPUT if the file exists. */
export async function newKeyFile(file: string): Promise<PrivateKeyAccount> {
  const key = generatePrivateKey();
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(`${key}\n`);
    await handle.sync();
    await handle.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new WeighbridgeError('BAD_INPUT', `${file} exists already`, {
      next: 'Name another file: a key is never overwritten, because what it owns would be lost with it.',
    });
  }
  return privateKeyToAccount(key);
}

function accountOf(text: string): PrivateKeyAccount | undefined {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) return undefined;
  try {
    return privateKeyToAccount(text as `0x${string}`);
  } catch {
    // Zero, or not below the curve's order. viem's own message would quote the key: it is dropped.
    return undefined;
  }
}
