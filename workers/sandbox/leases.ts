/** Things of which each is held by one user at a time; who comes when all are taken waits its turn. */
export class Leases<T> {
  private readonly free: T[];
  private readonly waiting: ((thing: T) => void)[] = [];

  constructor(things: readonly T[]) {
    this.free = [...things];
  }

  /** The caller gives it back. @throws the signal's reason, if it aborts before one is free */
  async take(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const free = this.free.shift();
    if (free !== undefined) return free;
    return new Promise((resolve, reject) => {
      const give = (thing: T): void => {
        signal.removeEventListener('abort', leave);
        resolve(thing);
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(give), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.push(give);
    });
  }

  give(thing: T): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(thing);
    else next(thing);
  }
}
