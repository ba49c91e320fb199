import { setImmediate } from 'node:timers/promises';
import type { Appended } from '../ports.js';
import { Deferred } from './deferred.js';
import type { Edge } from '../tiles/edge.js';
import { AppendQueue, type Waiting } from './append-queue.js';
import type { BatchWriter, KnownLeaves, NoteSigner } from './ports.js';

export interface SequencerOptions {
  /**
   * Least time between two cuts, measured from the last cut, so that a lone entry does not wait. As many as are worth a batch do
   * not wait either: of some hundred callers all would stand in the queue until the window is over.
   */
  windowMs: number;
  /** Most entries in a batch. */
  maxBatch: number;
  /** Most entries that wait to be cut. */
  maxQueue: number;
}

/** Fewer entries than this are not worth a batch of their own beside another, nor one before the window is over. */
const LEAST_SHARE = 128;

/** What is committed: the newest checkpoint, and the edge of its tree. Never changed, only replaced. */
export interface CommittedHead {
  readonly note: string;
  readonly edge: Edge;
}

export interface SequencerEvents {
  batch(entries: number, seconds: number): void;
  duplicates(count: number): void;
}

/**
 * Gives every entry its index. There is one for a log. Entries are cut into batches by time and size, and answered when
 * their batch is durable. As many batches are on their way as there are writers; they commit in order. After its first
 * failure a sequencer is of no more use: whoever runs it reads the database again and makes another.
 */
export class Sequencer {
  private readonly queue: AppendQueue;
  private readonly failure = new Deferred<never>();
  private failed = false;
  private running: Promise<void> = Promise.resolve();
  private free: BatchWriter[];
  private writerFreed = new Deferred<void>();
  /** The tree with all batches that are on their way. */
  private readonly tip: Edge;

  constructor(
    private head: CommittedHead,
    writers: readonly BatchWriter[],
    private readonly known: KnownLeaves,
    private readonly signer: NoteSigner,
    private readonly options: SequencerOptions,
    private readonly events: SequencerEvents,
  ) {
    this.queue = new AppendQueue(options.maxQueue);
    this.free = [...writers];
    this.tip = head.edge.clone();
    // Nobody may be listening yet when it rejects.
    this.failure.promise.catch(() => undefined);
  }

  get committed(): CommittedHead {
    return this.head;
  }

  get queued(): number {
    return this.queue.length;
  }

  start(): void {
    this.running = this.run().catch((error: unknown) => this.fail(error));
  }

  /**
   * Durable, and under a signed checkpoint, when it answers. The same bytes again answer the first index.
   * @throws WeighbridgeError LOG_UNAVAILABLE (retryable): too many wait, or the batch may or may not have been written
   */
  append(data: Uint8Array): Promise<Appended> {
    return this.queue.append(data);
  }

  /** Rejects when the sequencer has failed; never resolves. */
  async untilFailure(): Promise<never> {
    return this.failure.promise;
  }

  /** Takes no more entries, writes what waits, and returns. */
  async stop(): Promise<void> {
    this.queue.close();
    await this.running;
  }

  private async run(): Promise<void> {
    let lastCutMs = Number.NEGATIVE_INFINITY;
    let previous: Promise<void> = Promise.resolve();
    for (;;) {
      await this.queue.untilWork();
      if (this.queue.length === 0) break;
      const leftMs = lastCutMs + this.options.windowMs - performance.now();
      if (leftMs > 0) await this.queue.untilWaiting(LEAST_SHARE, leftMs);
      // At least one turn of the event loop, so that callers who come together share a batch.
      await setImmediate();
      const writer = await this.freeWriter();
      if (writer === undefined) break;
      lastCutMs = performance.now();
      const fresh = await this.withoutKnown(writer, this.queue.take(this.share()));
      if (fresh.length > 0) previous = this.write(writer, fresh, previous);
      else this.release(writer);
    }
    await previous;
  }

  /**
   * How many to cut. Callers of one batch come back together: had one writer ever taken all of them, every later batch would be as
   * large, the next one tiny, and the two never overlap. So what waits is shared with the writers that are free too.
   */
  private share(): number {
    const share = Math.ceil(this.queue.length / (1 + this.free.length));
    return Math.min(this.options.maxBatch, Math.max(share, LEAST_SHARE));
  }

  /** Answers entries that the log has from before, and gives the rest. */
  private async withoutKnown(writer: BatchWriter, cut: Waiting[]): Promise<Waiting[]> {
    const suspects = cut.filter(({ leafHash }) => this.known.mayHold(leafHash));
    if (suspects.length === 0) return cut;
    const known = await writer.lookup(suspects.map(({ leafHash }) => leafHash));
    if (known.size === 0) return cut;
    this.events.duplicates(known.size);
    return cut.filter((waiting) => {
      const index = known.get(waiting.key);
      if (index !== undefined) this.queue.settle(waiting, index);
      return index === undefined;
    });
  }

  /** Puts one batch on its way; resolves when it has committed. Runs up to its first await at once, in order. */
  private async write(writer: BatchWriter, fresh: Waiting[], previous: Promise<void>): Promise<void> {
    const startedMs = performance.now();
    try {
      const from = this.tip.size;
      const leafHashes = fresh.map(({ leafHash }) => leafHash);
      const fullTiles = this.tip.append(leafHashes);
      for (const leafHash of leafHashes) this.known.add(leafHash);
      const note = this.signer.sign(this.tip.size, this.tip.root());
      const head = { note, edge: this.tip.clone() };
      // The rows of this batch travel while the batch before still commits ...
      const [staged] = await Promise.all([writer.stage({ from, entries: fresh, fullTiles, note }), previous]);
      // ... but its fence only after that COMMIT has answered: it would match nothing (see StagedBatch).
      if (this.failed) return;
      await staged.commit();
      this.head = head;
      fresh.forEach((waiting, i) => this.queue.settle(waiting, from + i));
      this.events.batch(fresh.length, (performance.now() - startedMs) / 1000);
      this.release(writer);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The next writer to be free; undefined once the sequencer has failed. */
  private async freeWriter(): Promise<BatchWriter | undefined> {
    while (this.free.length === 0 && !this.failed) {
      this.writerFreed = new Deferred();
      await this.writerFreed.promise;
    }
    return this.failed ? undefined : this.free.pop();
  }

  private release(writer: BatchWriter): void {
    this.free.push(writer);
    this.writerFreed.resolve();
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.queue.abort(error);
    this.writerFreed.resolve();
    this.failure.reject(error);
  }
}
