export { framesOf } from './frames.js';
export { encodePieceHeader, LENGTH_BYTES, MAX_HEADER_BYTES, parsePieceHeader, type PieceHeader } from './header.js';
export {
  DEFAULT_FRAME_BYTES,
  MAX_FRAME_BYTES,
  MAX_PIECE_BYTES,
  MIN_PIECE_BYTES,
  PIECE_BLOCK_BYTES,
  TAG_BYTES,
} from './limits.js';
export {
  openShard,
  shardKeyFor,
  splitPiece,
  type CipherFrame,
  type ShardAccess,
  type SplitPiece,
} from './open-shard.js';
export { MAX_SHARD_BYTES, paddedBytes, pieceBytes } from './padding.js';
export { readAhead, type Opener } from './read-ahead.js';
export { openParts, type ShardParts } from './open-parts.js';
export { readColumns } from './read-columns.js';
export { encodeLayout, isWorthIndex, type ShardLayout } from './shard-index.js';
export type {
  BlockRoots,
  BlockRun,
  PieceParts,
  PieceStore,
  StepTimer,
  StoredPiece,
  UploadSession,
  VerifiedParts,
} from './ports.js';
export { pieceSealer, type PieceSealer } from './seal-shard.js';
export {
  indexKeyOf,
  KEY_BYTES,
  shardIdOf,
  shardKeyOf,
  holdoutKeyOf,
  unwrapShardKey,
  WRAPPED_KEY_BYTES,
  wrapShardKey,
  type ShardContent,
  type ShardKey,
  type ShardPlace,
} from './shard-keys.js';
export {
  COPIES,
  EPOCHS_PER_DAY,
  runwayDays,
  type CopyRef,
  type CopyState,
  type EndedCopyState,
  type RepairPermit,
  type StorageAccount,
  type VerifiedProof,
} from './copies.js';
export type { StorageNetwork } from './watch/ports.js';
