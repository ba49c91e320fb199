import pc from 'picocolors';

/** One line of the demo: what was done, how long it took, and what it left behind. */
export interface TimelineEntry {
  name: string;
  ms: number;
  note: string;
}

/** Prints the demo's steps as they happen and keeps them for `summary.json`. */
export class Timeline {
  readonly entries: TimelineEntry[] = [];
  private readonly startedAt = Date.now();

  title(text: string): void {
    console.log(`\n${pc.bold(text)}`);
  }

  /** Runs one step and prints it with its time; a failure is printed and thrown on. */
  async step<T>(name: string, work: () => Promise<T>, note: (result: T) => string = () => ''): Promise<T> {
    const from = Date.now();
    try {
      const result = await work();
      this.add(name, Date.now() - from, note(result));
      return result;
    } catch (error) {
      console.log(`${this.clock()} ${pc.red('✗')} ${name}`);
      throw error;
    }
  }

  add(name: string, ms: number, note: string): void {
    this.entries.push({ name, ms, note });
    console.log(`${this.clock()} ${pc.green('✓')} ${name.padEnd(46)} ${pc.dim(seconds(ms).padStart(7))}  ${note}`);
  }

  totalMs(): number {
    return Date.now() - this.startedAt;
  }

  private clock(): string {
    return pc.dim(seconds(this.totalMs()).padStart(7));
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
