import { setTimeout } from 'node:timers/promises';
import { isWeighbridgeError, type WeighbridgeError } from '../../kernel/index.js';
import type { AnchorableCheckpoint, Appended } from '../ports.js';
import { tilePath, type TileName } from '../tiles/tile-path.js';
import { unavailable } from './append-queue.js';
import { LogSession, type SessionOptions } from './log-session.js';
import type { CommittedHead } from './sequencer.js';

export interface LogServiceEvents {
  /** This process began to sequence, at this size. */
  active(size: number): void;
  /** It stopped, and will begin again by itself. */
  inactive(error: unknown): void;
}

/** How long a reader of the newest entries waits for witnesses before it gets an older checkpoint. */
const FRESH_WAIT_MS = 3_000;
const RETRY_MS = { first: 200, most: 5_000 };

/**
 * The log, kept alive: on standby while another process sequences, active when it is its turn, and after a failure from the
 * start again with the database as the truth. Ends only when told to, or when going on would sign a fork.
 */
export class LogService {
  private session: LogSession | undefined;
  private readonly stopping = new AbortController();
  private floor = 0;

  constructor(
    private readonly options: Omit<SessionOptions, 'floor'>,
    private readonly events: LogServiceEvents,
  ) {}

  /** True while this process sequences. */
  get active(): boolean {
    return this.session !== undefined;
  }

  /** Entries that wait to be cut. */
  get queued(): number {
    return this.session?.sequencer.queued ?? 0;
  }

  /**
   * Runs until `stop`.
   * @throws WeighbridgeError LOG_BEHIND_ANCHOR, CONFIG_INVALID, PROOF_INVALID, INTERNAL: what no retry can mend
   */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    let waitMs = RETRY_MS.first;
    while (!signal.aborted) {
      try {
        const session = await LogSession.open({ ...this.options, floor: this.floor }, signal);
        waitMs = RETRY_MS.first;
        await this.live(session);
      } catch (error) {
        if (signal.aborted) return;
        if (isWeighbridgeError(error) && !error.retryable) throw error;
        this.events.inactive(error);
        await setTimeout(waitMs, undefined, { signal }).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, RETRY_MS.most);
      }
    }
  }

  /** Writes what waits, lets go of the lock, and so ends `run`. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const session = this.session;
    await session?.sequencer.stop();
    await session?.close();
  }

  /** @throws WeighbridgeError LOG_UNAVAILABLE (retryable) */
  append(entry: Uint8Array): Promise<Appended> {
    if (this.session === undefined) return Promise.reject(notSequencing());
    return this.session.sequencer.append(entry);
  }

  /** The newest committed checkpoint. @throws WeighbridgeError LOG_UNAVAILABLE (retryable) */
  committed(): CommittedHead {
    return this.current().sequencer.committed;
  }

  /** The newest checkpoint that the world sees. @throws WeighbridgeError LOG_UNAVAILABLE (retryable) */
  published(): AnchorableCheckpoint {
    return this.current().publisher.published;
  }

  /**
   * The newest checkpoint, of every entry that was acknowledged before the call if the cosigner can make it so within
   * three seconds. @throws WeighbridgeError LOG_UNAVAILABLE (retryable)
   */
  async fresh(): Promise<AnchorableCheckpoint> {
    return this.current().publisher.fresh(FRESH_WAIT_MS);
  }

  /**
   * Bytes that are the caller's alone.
   * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), BAD_INPUT beyond the newest checkpoint
   */
  async tile(name: TileName): Promise<Uint8Array> {
    const { reader, sequencer, exporter } = this.current();
    const stored = exporter?.holds(name) === true ? await this.stored(name) : undefined;
    return stored ?? reader.tile(name, sequencer.committed.edge);
  }

  /** Undefined too if the storage fails: the database has everything. */
  private async stored(name: TileName): Promise<Uint8Array | undefined> {
    try {
      return await this.options.storage?.get(tilePath(name));
    } catch (error) {
      this.options.onExportError(error);
      return undefined;
    }
  }

  private current(): LogSession {
    if (this.session === undefined) throw notSequencing();
    return this.session;
  }

  private async live(session: LogSession): Promise<void> {
    this.session = session;
    this.events.active(session.sequencer.committed.edge.size);
    try {
      if (!this.stopping.signal.aborted) await session.untilFailure();
    } finally {
      this.session = undefined;
      this.floor = session.sequencer.committed.edge.size;
      await session.close();
    }
  }
}

function notSequencing(): WeighbridgeError {
  return unavailable('this process is not the sequencer now');
}
