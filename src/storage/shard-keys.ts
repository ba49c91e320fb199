import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { fromHex, concatBytes, to0x, utf8, type Bytes32 } from '../kernel/bytes.js';
import { keyRefused } from './envelope-errors.js';
import { NONCE_BASE_BYTES } from './header.js';

export const KEY_BYTES = 32;
/** A 32-byte key wrapped by RFC 3394. */
export const WRAPPED_KEY_BYTES = KEY_BYTES + 8;
/** RFC 3394 section 2.2.3.1, the default initial value: it is what makes an unwrap under a wrong key fail. */
const WRAP_IV = Buffer.alloc(8, 0xa6);

/** What opens the frames of one shard. */
export interface ShardKey {
  key: Uint8Array;
  nonceBase: Uint8Array;
}

/** Everything that decides the bytes of a piece. Two shards that differ in any of it have different keys. */
export interface ShardContent {
  datasetId: Bytes32;
  /** Counts the revocations of the dataset's versions: after one, every shard has a new key. */
  keyEpoch: number;
  /** SHA-256 of the shard's own bytes, before padding. */
  digest: Uint8Array;
  dataBytes: number;
  plaintextBytes: number;
  frameBytes: number;
  /** How many equal shards stand before this one in the version: equal pieces would tell that they are equal. */
  occurrence: number;
  /** What the piece's index says of the shard; empty if the piece has none. */
  layout: Uint8Array;
}

/** The place of a shard in the one dataset version whose key wraps the shard's. */
export interface ShardPlace {
  /** Of the dataset version: names seller, dataset and version. */
  keyId: Bytes32;
  shardId: Bytes32;
  /** Place in the manifest, from 0. */
  number: number;
  /** Shards of the version. */
  count: number;
}

/**
 * The public name of a shard. It follows from the seller's secret and from the shard, so that a seller who starts over
 * makes the same piece again, and nobody else can tell from the name what is in it.
 */
export function shardIdOf(secret: Uint8Array, content: ShardContent): Bytes32 {
  const { datasetId, keyEpoch, digest, dataBytes, plaintextBytes, frameBytes, occurrence, layout } = content;
  const key = derive(
    secret,
    fromHex(datasetId),
    concatBytes(utf8('weighbridge/v1 shard id'), u32(keyEpoch)),
    KEY_BYTES,
  );
  const sizes = [dataBytes, plaintextBytes, frameBytes, occurrence].map(u32);
  return to0x(
    createHmac('sha256', key)
      .update(digest)
      .update(concatBytes(...sizes))
      .update(layout)
      .digest(),
  );
}

/** The key of a shard, from the seller's secret: the seller needs to keep nothing else to wrap it again. */
export function shardKeyOf(
  secret: Uint8Array,
  shard: Pick<ShardContent, 'datasetId' | 'keyEpoch'> & { shardId: Bytes32 },
): ShardKey {
  const info = concatBytes(utf8('weighbridge/v1 shard key'), u32(shard.keyEpoch), fromHex(shard.shardId));
  const bytes = derive(secret, fromHex(shard.datasetId), info, KEY_BYTES + NONCE_BASE_BYTES);
  return { key: bytes.subarray(0, KEY_BYTES), nonceBase: bytes.subarray(KEY_BYTES) };
}

/** What opens the index of a piece and nothing else: a worker may keep it, which has given the shard's own key away. */
export function indexKeyOf(shardKey: Uint8Array, shardId: Bytes32): Uint8Array {
  return derive(shardKey, fromHex(shardId), utf8('weighbridge/v1 shard index'), KEY_BYTES);
}

/** Decides which rows of a dataset are held out of training, in all its versions: 64 hex digits. */
export function holdoutKeyOf(secret: Uint8Array, datasetId: Bytes32): string {
  return Buffer.from(derive(secret, fromHex(datasetId), utf8('weighbridge/v1 holdout'), KEY_BYTES)).toString('hex');
}

/**
 * A256KW of a shard's key under a key that the version's key gives for this place only: moved to another version, shard or
 * place, the wrapped key does not open.
 */
export function wrapShardKey(versionKey: Uint8Array, place: ShardPlace, key: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', wrappingKey(versionKey, place), WRAP_IV);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** @throws WeighbridgeError SHARD_KEY_REFUSED */
export function unwrapShardKey(versionKey: Uint8Array, place: ShardPlace, wrapped: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', wrappingKey(versionKey, place), WRAP_IV);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    throw keyRefused();
  }
}

function wrappingKey(versionKey: Uint8Array, { keyId, shardId, number, count }: ShardPlace): Uint8Array {
  const info = concatBytes(utf8('weighbridge/v1 shard wrap'), fromHex(shardId), u32(number), u32(count));
  return derive(versionKey, fromHex(keyId), info, KEY_BYTES);
}

/** HKDF-SHA256, RFC 5869. */
function derive(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
}

/** @throws RangeError for a number that has no such form: cut to 32 bits, it would give two shards one key. */
function u32(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new RangeError(`${value} in 32 bits`);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
