import { randomBytes } from 'node:crypto';
import type { Manifest } from '../../catalog/manifest.js';
import { isWeighbridgeError, toHex } from '../../kernel/index.js';
import { openParts, shardKeyOf, wrapShardKey, type PieceParts } from '../../storage/index.js';
import { replayRefused } from './refused.js';

/** A dataset version whose shards' keys are wrapped under a key that was made here. */
export interface OwnRows {
  manifest: Manifest;
  versionKey: Uint8Array;
}

/**
 * Wraps the keys of a version's shards, which follow from the seller's secret, under a key of this process: the sandbox opens rows one
 * way only, and the version's own key is with the key nodes.
 * @throws WeighbridgeError REPLAY_REFUSED if the secret is another, PROVIDER_DOWN
 */
export async function ownRows(manifest: Manifest, secret: Uint8Array, parts: PieceParts): Promise<OwnRows> {
  const keyEpoch = await keyEpochOf(manifest, secret, parts);
  const versionKey = randomBytes(32);
  const { datasetId, keyId } = manifest;
  const pieces = manifest.pieces.map((piece, number) => {
    const { shardId } = piece;
    const { key } = shardKeyOf(secret, { datasetId, keyEpoch, shardId });
    const place = { keyId, shardId, number, count: manifest.pieces.length };
    const wrapped = wrapShardKey(versionKey, place, key);
    key.fill(0);
    return { ...piece, wrappedKey: toHex(wrapped) };
  });
  return { manifest: { ...manifest, pieces }, versionKey };
}

/** Which revocations the version's keys came after is not written anywhere: the key that opens the first frame tells. */
async function keyEpochOf(
  { datasetId, datasetVersion, pieces }: Manifest,
  secret: Uint8Array,
  parts: PieceParts,
): Promise<number> {
  const [piece] = pieces;
  for (let keyEpoch = datasetVersion; piece !== undefined && keyEpoch >= 1; keyEpoch--) {
    const { shardId, pieceCid } = piece;
    try {
      await openParts(parts, pieceCid, () => shardKeyOf(secret, { datasetId, keyEpoch, shardId }));
      return keyEpoch;
    } catch (error) {
      if (!isWeighbridgeError(error) || error.code !== 'PIECE_CORRUPT') throw error;
    }
  }
  throw replayRefused(
    "the shard secret does not open the dataset's pieces",
    'Name the secret of the seller that published this version with --shard-secret-file.',
  );
}
