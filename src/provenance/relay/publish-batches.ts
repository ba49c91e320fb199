import type { Bytes32 } from '../../kernel/index.js';
import type { RecordStreams, RelayStore } from './ports.js';
import type { RecordBatch } from './record-batch.js';

const IN_FLIGHT = 8;
const MAX_BATCHES_A_ROUND = 100;
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
 * dies in between, the same batch goes out again, to the same stream. A dataset whose batch fails waits alone: each has
 * its own delay, which doubles.
 */
export class BatchPublisher {
  private readonly retries = new Map<Bytes32, { delayMs: number; atMs: number }>();

  constructor(
    private readonly store: RelayStore,
    private readonly streams: RecordStreams,
    private readonly options: PublishOptions,
    /** Not the time of day: a clock that was set back must not make a retry wait for it. */
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** One round. @returns how many batches were published; Ceramic's errors go to `onFailed`, the store's are thrown */
  async runOnce(): Promise<number> {
    const { origin, minAgeMs, maxRecords } = this.options;
    const fixed = await this.store.fixedBatches(MAX_BATCHES_A_ROUND);
    const ready = fixed.filter(({ keyId }) => (this.retries.get(keyId)?.atMs ?? 0) <= this.now());
    const due = await this.store.dueKeys(minAgeMs, maxRecords);
    const work = [
      ...ready.map((batch) => async () => Promise.resolve(batch)),
      ...due.map((keyId) => async () => this.store.fixBatch(keyId, origin, maxRecords)),
    ];
    let published = 0;
    const lane = async (): Promise<void> => {
      for (let next = work.shift(); next !== undefined; next = work.shift()) {
        const batch = await next();
        if (batch !== undefined && (await this.publish(batch))) published++;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
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
