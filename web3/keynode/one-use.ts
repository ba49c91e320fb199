/**
 * Remembers session signatures until they expire, so that one that was listened to cannot be used a second time. Full
 * means refuse, not forget: forgetting would open the window again.
 */
export class OneUse {
  readonly #expiresAtMs = new Map<string, number>();

  constructor(private readonly capacity: number) {}

  /** True the first time that `token` is seen before it expires. */
  use(token: string, expiresAtMs: number, nowMs: number): boolean {
    if (this.#expiresAtMs.size >= this.capacity) this.#forgetExpired(nowMs);
    if (this.#expiresAtMs.size >= this.capacity || this.#expiresAtMs.has(token)) return false;
    this.#expiresAtMs.set(token, expiresAtMs);
    return true;
  }

  #forgetExpired(nowMs: number): void {
    for (const [token, expiresAtMs] of this.#expiresAtMs) {
      if (expiresAtMs < nowMs) this.#expiresAtMs.delete(token);
    }
  }
}
