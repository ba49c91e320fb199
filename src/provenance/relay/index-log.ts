import type { LogStretch, RecordSource, RelayStore } from './ports.js';

export interface IndexProgress {
  /** Entries that the cursor passed. */
  entries: number;
  unreadable: number[];
  /** True if the log had more than was read. */
  more: boolean;
}

const NOTHING: IndexProgress = { entries: 0, unreadable: [], more: false };

/** Takes the log into the index, stretch by stretch. While one is written, the next one is read. */
export class LogIndexer {
  private ahead: Promise<LogStretch> | undefined;

  constructor(
    private readonly source: RecordSource,
    private readonly store: RelayStore,
    /** Most entries in a stretch. */
    private readonly limit: number,
  ) {}

  /**
   * Takes the next stretch in: records, what waits for a batch, and the cursor in one transaction.
   * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), PROOF_INVALID if the log's entries do not match its checkpoint
   */
  async step(): Promise<IndexProgress> {
    const ahead = this.ahead;
    this.ahead = undefined;
    const stretch = await (ahead ?? this.source.read(await this.store.cursor(), this.limit));
    const entries = stretch.to - stretch.from;
    if (entries === 0) return NOTHING;
    const more = entries >= this.limit;
    const next = more ? this.source.read(stretch.to, this.limit) : undefined;
    // It may fail before anybody waits for it.
    next?.catch(() => undefined);
    // False if another relay was faster: then the cursor says where to go on.
    if (!(await this.store.add(stretch))) return NOTHING;
    this.ahead = next;
    return { entries, unreadable: stretch.unreadable, more };
  }
}
