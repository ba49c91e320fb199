const MOST_BYTES = 16 << 20;

interface Run {
  from: number;
  entries: readonly Uint8Array[];
  bytes: number;
}

/**
 * The newest committed entries, in memory. Whoever follows the log (relay, exporter, witnesses of a job) asks for them moments after
 * they were written, and the database would make hex of each byte. Holds 16 MiB, whole batches, without a gap.
 */
export class RecentEntries {
  private runs: Run[] = [];
  private bytes = 0;

  /** The entries of one batch that has committed, from index `from` on. */
  add(from: number, entries: readonly Uint8Array[]): void {
    const last = this.runs.at(-1);
    if (last !== undefined && last.from + last.entries.length !== from) this.clear();
    const bytes = entries.reduce((sum, entry) => sum + entry.length, 0);
    this.runs.push({ from, entries, bytes });
    this.bytes += bytes;
    while (this.bytes > MOST_BYTES) this.bytes -= this.runs.shift()?.bytes ?? 0;
  }

  /** `count` entries from `start` on; undefined unless all are here. */
  slice(start: number, count: number): Uint8Array[] | undefined {
    const found: Uint8Array[] = [];
    for (const { from, entries } of this.runs) {
      const at = start + found.length - from;
      if (at >= 0 && at < entries.length) found.push(...entries.slice(at, at + count - found.length));
    }
    return found.length === count ? found : undefined;
  }

  private clear(): void {
    this.runs = [];
    this.bytes = 0;
  }
}
