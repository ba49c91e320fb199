import { randomBytes } from 'node:crypto';
import type { Piece, WrappedKey } from '../../catalog/manifest.js';
import { toHex, type Bytes32 } from '../../kernel/index.js';
import { DEFAULT_FRAME_BYTES, shardKeyOf, wrapShardKey } from '../../storage/index.js';
import type { KeyWrapper } from '../ports.js';
import type { DatasetSlot, Sealed, SentPiece } from './journal.js';
import type { Made } from './make-pieces.js';
import { wrapDataKey } from './wrap.js';

/**
 * Gives a dataset version its key: fresh for each version, it wraps the keys of the version's shards and is wrapped for
 * the key nodes. It lives in this call alone and is zeroed before it returns; if the process dies in between, the next run
 * takes another, and no piece has to be made again.
 */
export async function sealVersion(
  slot: DatasetSlot,
  keyId: Bytes32,
  made: Made,
  secret: Uint8Array,
  wrapper: KeyWrapper,
): Promise<Sealed> {
  const versionKey = randomBytes(32);
  try {
    const pieces = wrapShards(slot, keyId, made.pieces, secret, versionKey);
    const wrappedKey: WrappedKey = await wrapDataKey(wrapper, versionKey, keyId);
    return {
      keyId,
      columns: made.columns,
      rowCount: made.rowCount,
      frameBytes: DEFAULT_FRAME_BYTES,
      pieces,
      wrappedKey,
    };
  } finally {
    versionKey.fill(0);
  }
}

function wrapShards(
  { datasetId, keyEpoch }: DatasetSlot,
  keyId: Bytes32,
  pieces: SentPiece[],
  secret: Uint8Array,
  versionKey: Uint8Array,
): Piece[] {
  return pieces.map((piece, number) => {
    const { shardId } = piece;
    const { key } = shardKeyOf(secret, { datasetId, keyEpoch, shardId });
    const wrapped = wrapShardKey(versionKey, { keyId, shardId, number, count: pieces.length }, key);
    key.fill(0);
    return { ...piece, wrappedKey: toHex(wrapped) };
  });
}
