import type { MessagePort } from 'node:worker_threads';
import type { PieceHeader } from '../../../src/storage/index.js';

/** What a thread is asked to do. Each job has a channel of its own, which ends with `done` or `failed`. */
export type Job =
  | { kind: 'digest'; file: string }
  /** The key is 32 bytes, for this piece only; both sides overwrite it. The layout is empty for a piece without an index. */
  | { kind: 'seal'; file: string; dataBytes: number; key: Uint8Array; header: PieceHeader; layout: Uint8Array };

export interface Order {
  job: Job;
  port: MessagePort;
}

/** From the thread. A block lies in memory that both sides see; the thread writes into it again once it is given back. */
export type Told =
  | { kind: 'progress'; bytes: number }
  | { kind: 'block'; bytes: Uint8Array<SharedArrayBuffer> }
  /** SHA-256 as hex, or the piece CID. */
  | { kind: 'done'; result: string }
  | { kind: 'failed'; message: string; code: string | undefined };

/** To the thread: the oldest block that was given out is read, and its memory free. The channel's end frees all. */
export type Credit = 'read';

/** Blocks of a thread's memory: what it may make ahead of their readers. */
export const BLOCKS_AHEAD = 4;
export const BLOCK_BYTES = 1 << 20;
