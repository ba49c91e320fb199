import type { Bytes32 } from '../../kernel/index.js';
import type { RecordStreams, RelayStore } from './ports.js';
import type { RecordBatch } from './record-batch.js';

/** A dataset has one at a time: the next names the one before. */
const MAX_IN_HAND = 8;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

export interface PublishOptions {
  /** C2SP origin of the log. */
  origin: string;
  maxRecords: number;
  onPublished?: (batch: RecordBatch) => void;
  /** A batch that could not be published; it is tried again, later each time. */
  onFailed?: (batch: RecordBatch, error: unknown) => void;
}

/**
 * Fixes what is due and publishes what is fixed. Which records a batch has is in its row before Ceramic hears of it, so whatever
 * dies in between, the same batch goes out again, to the same stream. Each dataset goes by itself: one whose batch is slow
 * or fails holds up no other, and has its own delay before the next try, which doubles.
 */
export class BatchPublisher {
  private readonly retries = new Map<Bytes32, { delayMs: number; atMs: number }>();
  private readonly inHand = new Map<Bytes32, Promise<boolean>>();

  constructor(
    private readonly store: RelayStore,
    private readonly streams: RecordStreams,
    private readonly options: PublishOptions,
    /** Not the time of day: a clock that was set back must not make a retry wait for it. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** One round, to its end. @returns how many batches were published; Ceramic's errors go to `onFailed`, the store's are thrown */
  async runOnce(minAgeMs = 0): Promise<number> {
    const published = await Promise.all(await this.begin(minAgeMs));
    return published.filter(Boolean).length;
  }

  /**
   * Begins what is due, as far as there is room, and waits for none of it.
   * @param minAgeMs how long records wait for others of their dataset
   * @returns whether each was published, to come
   */
  async begin(minAgeMs = 0): Promise<Promise<boolean>[]> {
    const { origin, maxRecords } = this.options;
    const limit = MAX_IN_HAND - this.inHand.size;
    if (limit <= 0) return [];
    await this.store.fixDue({ origin, minAgeMs, maxRecords, limit });
    const batches = await this.store.fixedBatches(limit, [...this.inHand.keys(), ...this.waiting()]);
    return batches.map(async (batch) => this.take(batch));
  }

  /** Whether anything is in hand. */
  get busy(): boolean {
    return this.inHand.size > 0;
  }

  /** Waits for what is in hand. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.inHand.values());
  }

  /** Datasets whose batch failed and is not to be tried yet. */
  private waiting(): Bytes32[] {
    return [...this.retries].filter(([, { atMs }]) => atMs > this.now()).map(([keyId]) => keyId);
  }

  private async take(batch: RecordBatch): Promise<boolean> {
    const published = this.publish(batch).finally(() => this.inHand.delete(batch.keyId));
    this.inHand.set(batch.keyId, published);
    return published;
  }

  private async publish(batch: RecordBatch): Promise<boolean> {
    try {
      const published = await this.streams.publishBatch(batch);
      await this.store.markPublished(batch, published);
    } catch (error) {
      const delayMs = Math.min((this.retries.get(batch.keyId)?.delayMs ?? FIRST_RETRY_MS / 2) * 2, LAST_RETRY_MS);
      this.retries.set(batch.keyId, { delayMs, atMs: this.now() + delayMs });
      this.options.onFailed?.(batch, error);
      return false;
    }
    this.retries.delete(batch.keyId);
    this.options.onPublished?.(batch);
    return true;
  }
}
