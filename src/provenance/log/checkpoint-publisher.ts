import { isWeighbridgeError, type WeighbridgeError } from '../../kernel/index.js';
import type { AnchorableCheckpoint, Waiting } from '../ports.js';
import { parseTilePath } from '../tiles/tile-path.js';
import type { LogReader } from './log-reader.js';
import type { Cosigner, PublishedStore } from './ports.js';
import type { CommittedHead } from './sequencer.js';

export interface PublisherDeps {
  committed(): CommittedHead;
  reader: Pick<LogReader, 'tile'>;
  cosigner: Cosigner;
  store: PublishedStore;
  /** The newest checkpoint waits: appends go on, and the attempt is repeated. */
  onWaiting(error: unknown): void;
}

/**
 * Publishes checkpoints: takes the newest committed one, has it cosigned, stores it and only then shows it. Every second
 * if there is something new, and at once when somebody waits for it. Sequencing never waits for this, so a slow or absent
 * witness delays what readers see and nothing else.
 */
export class CheckpointPublisher {
  private attempt: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Why the last attempt failed; undefined once one succeeded. */
  private trouble: WeighbridgeError | undefined;
  /** The first checkpoint of a log, of no entries, is in the store before anybody was asked to cosign it. */
  private emptyCosigned = false;

  private constructor(
    private newest: AnchorableCheckpoint,
    private readonly deps: PublisherDeps,
  ) {}

  static async open(deps: PublisherDeps): Promise<CheckpointPublisher> {
    return new CheckpointPublisher(await deps.store.newest(), deps);
  }

  /** What the world sees. Its entries are all durable; it never shrinks. */
  get published(): AnchorableCheckpoint {
    return this.newest;
  }

  /** C2SP witnesses expect a log to be asked about often, not about every batch. */
  start(intervalMs: number): void {
    this.timer = setInterval(() => void this.publish().catch(this.deps.onWaiting), intervalMs);
  }

  /** Waits for the attempt in hand. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.attempt?.catch(() => undefined);
  }

  /**
   * The newest checkpoint, after trying for at most `waitMs` to publish all that is committed now. May still be an older
   * one: whoever needs a certain entry compares the size.
   */
  async fresh(waitMs: number): Promise<AnchorableCheckpoint> {
    const { size } = this.deps.committed().edge;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
    await Promise.race([late, this.until(size)]).catch(this.deps.onWaiting);
    clearTimeout(timer);
    return this.shows(size) ? this.newest : { ...this.newest, waiting: this.waiting() };
  }

  private waiting(): Waiting {
    const { code, message } = this.trouble ?? { code: 'WITNESSES_MISSING', message: 'witnesses have not answered yet' };
    return { code, message };
  }

  private async until(size: number): Promise<void> {
    // The attempt in hand may be of an older checkpoint.
    while (!this.shows(size)) await this.publish();
  }

  private shows(size: number): boolean {
    return size === 0 && this.newest.size === 0 ? this.emptyCosigned : this.newest.size >= size;
  }

  /** One attempt at a time, shared by all who want it. */
  private async publish(): Promise<void> {
    this.attempt ??= this.once()
      .catch((error: unknown) => {
        this.trouble = isWeighbridgeError(error) ? error : undefined;
        throw error;
      })
      .finally(() => (this.attempt = undefined));
    return this.attempt;
  }

  private async once(): Promise<void> {
    const { edge, note } = this.deps.committed();
    if (this.shows(edge.size)) return;
    const { cosigner, reader, store } = this.deps;
    const tile = async (path: string): Promise<Uint8Array> => reader.tile(parseTilePath(path), edge);
    const checkpoint = await cosigner.cosign({ size: edge.size, root: edge.root(), note }, tile);
    await store.add(checkpoint);
    this.newest = checkpoint;
    this.emptyCosigned = true;
    this.trouble = undefined;
  }
}
