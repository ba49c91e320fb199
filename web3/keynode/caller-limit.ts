/** Counts calls of each caller in fixed windows. A worker needs a handful; what asks a hundred times is probing. */
export class CallerLimit {
  readonly #calls = new Map<string, number>();
  #windowEndsMs = 0;

  constructor(
    private readonly max: number,
    private readonly windowMs: number,
  ) {}

  /** False when `caller` had its share of this window. */
  allows(caller: string, nowMs: number): boolean {
    if (nowMs >= this.#windowEndsMs) {
      this.#calls.clear();
      this.#windowEndsMs = nowMs + this.windowMs;
    }
    const calls = (this.#calls.get(caller) ?? 0) + 1;
    this.#calls.set(caller, calls);
    return calls <= this.max;
  }
}
