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
  /** How long a record waits for company. */
  minAgeMs: number;
  maxRecords: number;
  onPublished?: (batch: RecordBatch) => void;
  /** A batch that could not be published; it is tried again, later each time. */
  onFailed?: (batch: RecordBatch, error: unknown) => void;
}

/**
 * Fixes what is due and publishes what is fixed. A batch's content is in its row before Ceramic hears of it, so whatever
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
  async runOnce(): Promise<number> {
    const published = await Promise.all(await this.begin());
    return published.filter(Boolean).length;
  }

  /** Begins what is due, as far as there is room, and waits for none of it. @returns whether each was published, to come */
  async begin(): Promise<Promise<boolean>[]> {
    const { origin, minAgeMs, maxRecords } = this.options;
    const room = MAX_IN_HAND - this.inHand.size;
    if (room <= 0) return [];
    const work = new Map<Bytes32, () => Promise<RecordBatch | undefined>>();
    for (const batch of await this.store.fixedBatches(room, [...this.inHand.keys(), ...this.waiting()]))
      work.set(batch.keyId, async () => batch);
    for (const keyId of await this.store.dueKeys(minAgeMs, maxRecords))
      work.set(keyId, work.get(keyId) ?? (async () => this.store.fixBatch(keyId, origin, maxRecords)));
    const begun = [...work].filter(([keyId]) => !this.inHand.has(keyId)).slice(0, room);
    return begun.map(async ([keyId, next]) => this.take(keyId, next));
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

  private async take(keyId: Bytes32, next: () => Promise<RecordBatch | undefined>): Promise<boolean> {
    const published = next()
      .then(async (batch) => batch !== undefined && (await this.publish(batch)))
      .finally(() => this.inHand.delete(keyId));
    this.inHand.set(keyId, published);
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
