import type { FullTile } from '../tiles/edge.js';

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

/** One connection that writes batches, one at a time. Two of them overlap two batches. */
export interface BatchWriter {
  /** Index of each leaf hash (64 hex digits) that is in the log already. */
  lookup(leafHashes: Uint8Array[]): Promise<Map<string, number>>;
  stage(batch: Batch): Promise<StagedBatch>;
}
