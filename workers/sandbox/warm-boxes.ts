import type { WaitingBox } from './waiting-box.js';

export interface WarmBoxesOptions {
  /** How many wait: one for each job that the worker runs at once; 0 starts each box with its job. */
  count: number;
  /** A box that has waited for so long is destroyed and replaced, ms. */
  maxAgeMs: number;
  start(): WaitingBox;
}

/**
 * Boxes that were started ahead, so that no job waits for an interpreter and its imports. Each is given out once; whoever takes it
 * destroys it, and `refill` starts its successor. A box never serves two jobs.
 */
export class WarmBoxes {
  private readonly waiting = new Map<WaitingBox, NodeJS.Timeout>();
  private closed = false;

  constructor(private readonly options: WarmBoxesOptions) {}

  /** Starts what is missing. Called when nothing waits for the cores: at the start, and after a job. */
  refill(): void {
    while (!this.closed && this.waiting.size < this.options.count) this.add();
  }

  /** The box that has waited longest, or one that starts now. The caller destroys it. */
  take(): WaitingBox {
    const [oldest] = this.waiting.keys();
    if (oldest === undefined) return this.options.start();
    this.forget(oldest);
    return oldest;
  }

  /** Ends those that wait, and starts no more. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.waiting.keys()].map(async (waiting) => this.discard(waiting)));
  }

  private add(): void {
    const waiting = this.options.start();
    const timer = setTimeout(() => {
      // What it holds, such as a GPU's memory, is free when it has ended.
      void this.discard(waiting).then(() => this.refill());
    }, this.options.maxAgeMs);
    timer.unref();
    this.waiting.set(waiting, timer);
    // One that ends while it waits is not given out; its successor comes with the next refill, so that a host which can start
    // none is not kept busy.
    void waiting.box.exited.then(() => this.forget(waiting));
  }

  private async discard(waiting: WaitingBox): Promise<void> {
    this.forget(waiting);
    waiting.box.destroy();
    await waiting.box.exited;
  }

  private forget(waiting: WaitingBox): void {
    clearTimeout(this.waiting.get(waiting));
    this.waiting.delete(waiting);
  }
}
