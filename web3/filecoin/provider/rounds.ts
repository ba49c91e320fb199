/**
 * Work that is looked at again and again: one round at a time, and what fails (the chain is away) is tried in the next one. Said
 * once, not every second.
 */
export class Rounds {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private failing = false;

  constructor(
    private readonly name: string,
    private readonly round: () => Promise<void>,
    private readonly log: (message: string) => void,
  ) {}

  start(everyMs: number): void {
    this.timer = setInterval(() => {
      this.running ??= this.attempt().finally(() => (this.running = undefined));
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  private async attempt(): Promise<void> {
    try {
      await this.round();
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.log(`${this.name} waits: ${error instanceof Error ? error.message : String(error)}`);
      this.failing = true;
    }
  }
}
