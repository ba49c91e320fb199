import { LogIndexer } from './index-log.js';
import { Poller, type Found } from '../poller.js';
import type { RecordSource, RecordStreams, RelayStore } from './ports.js';
import { BatchPublisher, type PublishOptions } from './publish-batches.js';
import { MAX_RECORDS_PER_BATCH } from './record-batch.js';

/** What comes within a window goes into one batch a dataset. Each look at the log has it sign and show a checkpoint. */
const WINDOW_MS = 250;
/** How often it is looked whether a dataset's batch is through, and its next one may go; less often while there is none. */
const PUBLISHING = { everyMs: 25, idleMs: 250 };
/** A relay that is behind reads on at once and waits for full batches: those are what it catches up by. */
const AGE_BEHIND_MS = 2_000;
const STRETCH = 2_048;

export interface RelayFollowerOptions extends Pick<PublishOptions, 'onPublished' | 'onFailed'> {
  /** C2SP origin of the log. */
  origin: string;
  maxRecords?: number;
  /** Most log entries that are read in one go, 2,048 unless set. */
  stretch?: number;
  /** The log or the database failed; the step is tried again. */
  onError: (error: unknown) => void;
  /** Entries in the log that are no records of ours. */
  onUnreadable?: (indexes: number[]) => void;
}

export interface RelayProgress {
  indexed: number;
  published: number;
}

/**
 * Follows the log: indexes its records and publishes them, batch by batch, to the streams of their datasets. Two loops,
 * so that a Ceramic node that is down stops publishing and nothing else. Safe to kill at any step and to run twice.
 */
export class RelayFollower {
  private readonly indexer: LogIndexer;
  private readonly publisher: BatchPublisher;
  private readonly indexing: Poller;
  private readonly publishing: Poller;
  /** Whether the log had more than was read last. */
  private behind = false;

  constructor(
    source: RecordSource,
    store: RelayStore,
    streams: RecordStreams,
    private readonly options: RelayFollowerOptions,
  ) {
    this.indexer = new LogIndexer(source, store, options.stretch ?? STRETCH);
    this.publisher = new BatchPublisher(store, streams, {
      ...options,
      maxRecords: Math.min(options.maxRecords ?? MAX_RECORDS_PER_BATCH, MAX_RECORDS_PER_BATCH),
    });
    this.indexing = new Poller(async () => this.indexNew(), { everyMs: WINDOW_MS }, options.onError);
    this.publishing = new Poller(async () => this.publishDue(), PUBLISHING, options.onError);
  }

  start(): void {
    this.indexing.start();
    this.publishing.start();
  }

  /** Waits for what is in hand; whatever is left undone is done after the next start. */
  async stop(): Promise<void> {
    await Promise.all([this.indexing.stop(), this.publishing.stop()]);
    await this.publisher.settled();
  }

  /** One step of each loop, for a caller that wants no loops. @throws WeighbridgeError LOG_UNAVAILABLE, PROOF_INVALID */
  async runOnce(): Promise<RelayProgress> {
    const { entries } = await this.index();
    return { indexed: entries, published: await this.publisher.runOnce(this.minAgeMs) };
  }

  private async indexNew(): Promise<Found> {
    const { entries, more } = await this.index();
    if (entries === 0) return 'nothing';
    this.publishing.wake();
    return more ? 'more' : 'some';
  }

  private async publishDue(): Promise<Found> {
    const begun = await this.publisher.begin(this.minAgeMs);
    for (const published of begun) published.catch(this.options.onError);
    return begun.length > 0 || this.publisher.busy ? 'some' : 'nothing';
  }

  private get minAgeMs(): number {
    return this.behind ? AGE_BEHIND_MS : 0;
  }

  private async index(): Promise<{ entries: number; more: boolean }> {
    const progress = await this.indexer.step();
    this.behind = progress.more;
    if (progress.unreadable.length > 0) this.options.onUnreadable?.(progress.unreadable);
    return progress;
  }
}
