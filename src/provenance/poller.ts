const LAST_RETRY_MS = 10_000;

/** What a step found: more than it took, so that the next comes at once; all that there was; nothing. */
export type Found = 'more' | 'some' | 'nothing';

export interface Pace {
  /** From the beginning of one step to that of the next, unless it takes longer. */
  everyMs: number;
  /** While steps find nothing this doubles, up to here; it stays as it is unless set. */
  idleMs?: number;
}

/** Runs a step again and again, one at a time: later each time that it fails, and less often while there is nothing to do. */
export class Poller {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = true;
  private pauseMs: number;
  private retryMs: number;

  constructor(
    private readonly step: () => Promise<Found>,
    private readonly pace: Pace,
    private readonly onError: (error: unknown) => void,
  ) {
    this.pauseMs = pace.everyMs;
    this.retryMs = pace.everyMs;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.schedule(0);
  }

  /** Somebody knows that there is something to do: no long pause, and the next step now. A failure's delay stays. */
  wake(): void {
    if (this.pauseMs === this.pace.everyMs) return;
    this.pauseMs = this.pace.everyMs;
    if (this.timer !== undefined) this.schedule(0);
  }

  /** Waits for the step in hand. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.running = this.once();
    }, delayMs);
  }

  private async once(): Promise<void> {
    const { everyMs, idleMs = everyMs } = this.pace;
    const fromMs = performance.now();
    try {
      const found = await this.step();
      this.retryMs = everyMs;
      this.pauseMs = found === 'nothing' ? Math.min(this.pauseMs * 2, idleMs) : everyMs;
      this.schedule(found === 'more' ? 0 : Math.max(0, this.pauseMs - (performance.now() - fromMs)));
    } catch (error) {
      this.onError(error);
      // As long as it fails there is no shorter way than this one.
      this.pauseMs = everyMs;
      this.schedule(this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    }
  }
}
