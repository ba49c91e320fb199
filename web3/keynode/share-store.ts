import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { canonicalJson, hexText, to0x, utf8, type Hex } from '../../src/kernel/index.js';

/** What is public about a share. It is bound to the ciphertext, so a file cannot be relabelled. */
export interface ShareFacts {
  version: 1;
  /** Where the sharing polynomial was evaluated: 1 to 255, one byte on the wire. */
  index: number;
  threshold: number;
  /** BLS12-381 G1, compressed. */
  networkPublicKey: Hex;
  /** The public key of this share alone: shows at start that the right share was opened. */
  sharePublicKey: Hex;
}

/** scrypt as OWASP advises for 2026: 128 MiB for a moment, once at start. */
const KDF = { name: 'scrypt', logN: 17, r: 8, p: 1 } as const;

const hexBytes = (length: number) =>
  hexText(new RegExp(`^0x[0-9a-f]{${length * 2}}$`), `0x and ${length} bytes in lower-case hex`);

const shareFileSchema = z.strictObject({
  facts: z.strictObject({
    version: z.literal(1),
    index: z.number().int().min(1).max(255),
    threshold: z.number().int().min(2).max(255),
    networkPublicKey: hexBytes(48),
    sharePublicKey: hexBytes(48),
  }),
  kdf: z.strictObject({
    name: z.literal(KDF.name),
    logN: z.literal(KDF.logN),
    r: z.literal(KDF.r),
    p: z.literal(KDF.p),
  }),
  salt: hexBytes(32),
  nonce: hexBytes(12),
  ciphertext: hexBytes(32),
  tag: hexBytes(16),
});

/**
 * Encrypts a share under a passphrase (scrypt, AES-256-GCM) and writes it for its owner only. Never overwrites: a share
 * that is lost is a network key that is one share nearer to being lost.
 * @param share 32 bytes; the caller wipes it
 */
export async function writeShare(
  file: string,
  facts: ShareFacts,
  share: Uint8Array,
  passphrase: string,
): Promise<void> {
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const key = await derive(passphrase, salt);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(utf8(canonicalJson(facts)));
  const ciphertext = Buffer.concat([cipher.update(share), cipher.final()]);
  key.fill(0);
  const body = {
    facts,
    kdf: KDF,
    salt: to0x(salt),
    nonce: to0x(nonce),
    ciphertext: to0x(ciphertext),
    tag: to0x(cipher.getAuthTag()),
  };
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(body, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The public part of a share file. @throws Error if it is not one */
export async function readShareFacts(file: string): Promise<ShareFacts> {
  return (await parse(file)).facts;
}

/** @throws Error for a file that is no share file, a wrong passphrase, or a file that was changed */
export async function readShare(file: string, passphrase: string): Promise<{ facts: ShareFacts; share: Uint8Array }> {
  const { facts, salt, nonce, ciphertext, tag } = await parse(file);
  const key = await derive(passphrase, bytes(salt));
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes(nonce));
    decipher.setAAD(utf8(canonicalJson(facts))).setAuthTag(bytes(tag));
    return { facts, share: new Uint8Array(Buffer.concat([decipher.update(bytes(ciphertext)), decipher.final()])) };
  } catch {
    throw new Error(`${file} does not open with this passphrase, or it was changed`);
  } finally {
    key.fill(0);
  }
}

async function parse(file: string): Promise<z.infer<typeof shareFileSchema>> {
  const text = await readFile(file, 'utf8');
  try {
    return shareFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is not a share file`, { cause });
  }
}

function bytes(hex: Hex): Buffer {
  return Buffer.from(hex.slice(2), 'hex');
}

async function derive(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  const { logN, r, p } = KDF;
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, { N: 2 ** logN, r, p, maxmem: 2 ** 28 }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
