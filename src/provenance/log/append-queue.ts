import { toHex, WeighbridgeError } from '../../kernel/index.js';
import type { Appended } from '../ports.js';
import { Deferred } from './deferred.js';
import { nodeHasher } from './node-hasher.js';

/** An entry on its way. */
export interface Waiting {
  data: Uint8Array;
  leafHash: Uint8Array;
  /** Leaf hash, 64 hex digits. */
  key: string;
}

/** Entries between `append` and their answer. Owned by one sequencer. */
export class AppendQueue {
  private queue: Waiting[] = [];
  /** By leaf hash, until the batch has committed or failed: a repeat in between shares the answer. */
  private readonly pending = new Map<string, Deferred<Appended>>();
  private wake = new Deferred<void>();
  private closed: string | undefined;

  /** @param limit - entries that may wait to be cut; beyond it callers are told to come back */
  constructor(private readonly limit: number) {}

  get length(): number {
    return this.queue.length;
  }

  /** @throws WeighbridgeError LOG_UNAVAILABLE (retryable) */
  async append(data: Uint8Array): Promise<Appended> {
    if (this.closed !== undefined) throw unavailable(this.closed);
    const leafHash = nodeHasher.leaf(data);
    const key = toHex(leafHash);
    const known = this.pending.get(key);
    if (known) return known.promise;
    if (this.queue.length >= this.limit) throw unavailable(`${this.queue.length} entries wait already`);
    const answer = new Deferred<Appended>();
    this.pending.set(key, answer);
    this.queue.push({ data, leafHash, key });
    this.wake.resolve();
    return answer.promise;
  }

  /** Resolves when entries wait, or when none will come any more. */
  async untilWork(): Promise<void> {
    while (this.queue.length === 0 && this.closed === undefined) {
      this.wake = new Deferred();
      await this.wake.promise;
    }
  }

  take(count: number): Waiting[] {
    return this.queue.splice(0, count);
  }

  settle(key: string, index: number): void {
    this.pending.get(key)?.resolve({ index, leafHash: key });
    this.pending.delete(key);
  }

  /** Takes nothing more; what waits is still served. */
  close(): void {
    this.closed ??= 'the log is stopping';
    this.wake.resolve();
  }

  /** Takes nothing more, and tells all who wait that they do not know. */
  abort(cause: unknown): void {
    this.closed = 'the log is restarting';
    const answer = unavailable('the batch failed, and the entry may or may not be in the log', cause);
    for (const { reject } of this.pending.values()) reject(answer);
    this.pending.clear();
    this.queue = [];
    this.wake.resolve();
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
