import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError, type Address } from '../../kernel/index.js';

/**
 * The secret that a seller's shard keys follow from: 32 random bytes, made when the seller first publishes here. With it an
 * interrupted publish makes the same pieces again, and a later version keeps the pieces that did not change. It is a
 * key of its own, not the account's: whoever has one of them has not the other.
 * @throws WeighbridgeError CONFIG_INVALID if the file is damaged: another secret would make every piece anew
 */
export async function shardSecret(file: string): Promise<Uint8Array> {
  return (await knownShardSecret(file)) ?? newSecret(file);
}

/** The secret of a seller who has published here; undefined where there is none. @throws WeighbridgeError CONFIG_INVALID */
export async function knownShardSecret(file: string): Promise<Uint8Array | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  if (/^[0-9a-f]{64}\n$/.test(text)) return Buffer.from(text.trim(), 'hex');
  throw new WeighbridgeError('CONFIG_INVALID', `${file} does not hold a shard secret (64 hex digits)`, {
    next: 'Restore it from a copy. Without it the next version of a dataset uploads every shard anew: then move it aside.',
  });
}

export function shardSecretFile(stateRoot: string, seller: Address): string {
  return path.join(stateRoot, 'secrets', `${seller.toLowerCase()}.shards`);
}

/** Written whole beside and then linked: two commands that start at once agree on one secret. */
async function newSecret(file: string): Promise<Uint8Array> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(32).toString('hex')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await link(temporary, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(temporary);
  return shardSecret(file);
}
