const LAST_RETRY_MS = 10_000;

/** Runs a step again and again, one at a time, and later each time that it fails. */
export class Poller {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = true;

  /** @param step answers true when there is more to do at once */
  constructor(
    private readonly step: () => Promise<boolean>,
    private readonly intervalMs: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.schedule(0, this.intervalMs);
  }

  /** Waits for the step in hand. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(delayMs: number, retryMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.once(retryMs);
    }, delayMs);
  }

  private async once(retryMs: number): Promise<void> {
    try {
      const more = await this.step();
      this.schedule(more ? 0 : this.intervalMs, this.intervalMs);
    } catch (error) {
      this.onError(error);
      this.schedule(retryMs, Math.min(retryMs * 2, LAST_RETRY_MS));
    }
  }
}
