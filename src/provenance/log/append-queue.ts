import { WeighbridgeError } from '../../kernel/index.js';
import type { Appended } from '../ports.js';
import { Deferred } from './deferred.js';
import { leafHex } from './node-hasher.js';

/** An entry on its way. */
export interface Waiting {
  data: Uint8Array;
  leafHash: Uint8Array;
  /** Leaf hash, 64 hex digits. */
  key: string;
  answer: Deferred<Appended>;
}

/** What waits in memory, at most, beside the number of entries: entries have up to 65,535 bytes each. */
const MOST_WAITING_BYTES = 64 << 20;
/** A batch ends with the entry that reaches this. */
const BATCH_BYTES = 8 << 20;

/** Entries between `append` and their answer. Owned by one sequencer. */
export class AppendQueue {
  private queue: Waiting[] = [];
  private queuedBytes = 0;
  /** By leaf hash, until the batch has committed or failed: a repeat in between shares the answer. */
  private readonly pending = new Map<string, Waiting>();
  private wake = new Deferred<void>();
  private enough = new Deferred<void>();
  private enoughAt = Number.POSITIVE_INFINITY;
  private closed: string | undefined;

  /** @param limit - entries that may wait to be cut; beyond it callers are told to come back */
  constructor(private readonly limit: number) {}

  get length(): number {
    return this.queue.length;
  }

  /**
   * Not an async function, nor is what calls it: each one would be another promise an entry, on the hot path.
   * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), as a rejection
   */
  append(data: Uint8Array): Promise<Appended> {
    if (this.closed !== undefined) return Promise.reject(unavailable(this.closed));
    const key = leafHex(data);
    const known = this.pending.get(key);
    if (known) return known.answer.promise;
    if (this.queue.length >= this.limit || this.queuedBytes >= MOST_WAITING_BYTES) {
      return Promise.reject(unavailable(`${this.queue.length} entries wait already`));
    }
    const waiting = { data, leafHash: Buffer.from(key, 'hex'), key, answer: new Deferred<Appended>() };
    this.pending.set(key, waiting);
    this.queue.push(waiting);
    this.queuedBytes += data.length;
    this.wake.resolve();
    if (this.queue.length >= this.enoughAt) this.enough.resolve();
    return waiting.answer.promise;
  }

  /** Resolves when entries wait, or when none will come any more. */
  async untilWork(): Promise<void> {
    while (this.queue.length === 0 && this.closed === undefined) {
      this.wake = new Deferred();
      await this.wake.promise;
    }
  }

  /** Resolves when so many entries wait, when the time is over, or when none will come any more. */
  async untilWaiting(count: number, ms: number): Promise<void> {
    if (this.queue.length >= count || this.closed !== undefined) return;
    this.enoughAt = count;
    this.enough = new Deferred();
    const timer = setTimeout(() => this.enough.resolve(), ms);
    await this.enough.promise;
    clearTimeout(timer);
    this.enoughAt = Number.POSITIVE_INFINITY;
  }

  /** The next batch: at most `count` entries, and about `BATCH_BYTES`. */
  take(count: number): Waiting[] {
    let bytes = 0;
    let end = 0;
    while (end < Math.min(count, this.queue.length) && bytes < BATCH_BYTES)
      bytes += this.queue[end++]?.data.length ?? 0;
    this.queuedBytes -= bytes;
    return this.queue.splice(0, end);
  }

  settle({ key, answer }: Waiting, index: number): void {
    this.pending.delete(key);
    answer.resolve({ index, leafHash: key });
  }

  /** Takes nothing more; what waits is still served. */
  close(): void {
    this.closed ??= 'the log is stopping';
    this.wake.resolve();
    this.enough.resolve();
  }

  /** Takes nothing more, and tells all who wait that they do not know. */
  abort(cause: unknown): void {
    this.closed = 'the log is restarting';
    const reason = unavailable('the batch failed, and the entry may or may not be in the log', cause);
    for (const { answer } of this.pending.values()) answer.reject(reason);
    this.pending.clear();
    this.queue = [];
    this.wake.resolve();
    this.enough.resolve();
  }
}

/** The caller's way out is always the same: the log answers a repeat with the first index. */
export function unavailable(detail: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('LOG_UNAVAILABLE', `not appended: ${detail}`, {
    next: 'Append the same bytes again in a moment; the log answers with their one index.',
    retryable: true,
    cause,
  });
}
