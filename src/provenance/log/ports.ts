import type { AnchorableCheckpoint } from '../ports.js';
import type { FullTile } from '../tiles/edge.js';
import type { TileFetcher } from '../tiles/tree.js';

/** What LogAnchor holds: the newest anchored checkpoint, size 0 if none. */
export interface AnchoredCheckpoint {
  size: number;
  /** 32 bytes. */
  root: Uint8Array;
}

/** @throws WeighbridgeError CHAIN_UNAVAILABLE (retryable) */
export type ReadAnchor = () => Promise<AnchoredCheckpoint>;

/** Signs a checkpoint as a C2SP note. Called once a batch: it must not wait for anything. */
export interface NoteSigner {
  readonly origin: string;
  sign(size: number, root: Uint8Array): string;
}

/** A checkpoint that the log has signed and committed, and that the world has not seen yet. */
export interface SignedCheckpoint {
  size: number;
  /** 32 bytes. */
  root: Uint8Array;
  /** The log's own signed note. */
  note: string;
}

/**
 * Gathers what a checkpoint needs of others before it is published. Called for one checkpoint at a time, each of a larger
 * size than the one before, the first perhaps of the empty tree. Appends do not wait for it. An implementation MUST end
 * in bounded time, and MUST reject rather than answer with less than the world was told to expect. A rejection publishes
 * nothing: the newest checkpoint of then is tried again, a second later.
 * @throws WeighbridgeError retryable
 */
export interface Cosigner {
  /** @param tile - tiles of the log, for consistency proofs from whatever size another has seen last */
  cosign(checkpoint: SignedCheckpoint, tile: TileFetcher): Promise<AnchorableCheckpoint>;
}

/** Those who would notice a log that lost entries. */
export interface WitnessGuard {
  /**
   * Asks every witness whether it has seen entries that this log lacks. Enough must answer that no quorum can have
   * cosigned more without one of them: all but a quorum, and one.
   * @param head - the newest checkpoint in the database, the empty tree's too
   * @throws WeighbridgeError LOG_BEHIND_WITNESS (final), WITNESSES_MISSING (retryable)
   */
  assertNoneAhead(head: SignedCheckpoint, tile: TileFetcher): Promise<void>;
}

/** What was published, durably. */
export interface PublishedStore {
  newest(): Promise<AnchorableCheckpoint>;
  /** Durable when it answers. The same size again replaces the note: it has other cosignatures, not another tree. */
  add(checkpoint: AnchorableCheckpoint): Promise<void>;
}

/** One batch, ready to be written: the entries from index `from` on, and what they make. */
export interface Batch {
  from: number;
  entries: { data: Uint8Array; leafHash: Uint8Array }[];
  fullTiles: FullTile[];
  /** Checkpoint of `from + entries.length`. */
  note: string;
}

/** A batch that is written but not yet committed. */
export interface StagedBatch {
  /**
   * Moves the fence and commits, durably. MUST NOT be called before the batch before has committed: under READ COMMITTED
   * the fence's UPDATE does not wait for a row that does not match yet, it matches nothing and fails.
   * A rejection says nothing about whether the batch is in the log: the answer to COMMIT may have been lost.
   * @throws Error if another sequencer moved the fence
   */
  commit(): Promise<void>;
}

/** Which entries may be in the log already: asked before the database is. */
export interface KnownLeaves {
  /** False only if no such entry was ever added. */
  mayHold(leafHash: Uint8Array): boolean;
  add(leafHash: Uint8Array): void;
}

/** One connection that writes batches, one at a time. Two of them overlap two batches. */
export interface BatchWriter {
  /** Index of each leaf hash (64 hex digits) that is in the log already. */
  lookup(leafHashes: Uint8Array[]): Promise<Map<string, number>>;
  stage(batch: Batch): Promise<StagedBatch>;
}
