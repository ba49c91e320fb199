/** When a step of a command ran, milliseconds since the process began. Steps overlap. */
export interface Timing {
  step: string;
  fromMs: number;
  ms: number;
}

/** Notes when named steps begin and end: what a seller waited for, and what ran beside it. */
export class Stopwatch {
  readonly timings: Timing[] = [];

  async time<T>(step: string, work: () => Promise<T>): Promise<T> {
    const fromMs = performance.now();
    try {
      return await work();
    } finally {
      this.timings.push({ step, fromMs: Math.round(fromMs), ms: Math.round(performance.now() - fromMs) });
    }
  }
}
