/** When a step of a command ran first, milliseconds since the process began, and how long in all. Steps overlap. */
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
      const ms = Math.round(performance.now() - fromMs);
      const earlier = this.timings.find((timing) => timing.step === step);
      if (earlier === undefined) this.timings.push({ step, fromMs: Math.round(fromMs), ms });
      else earlier.ms += ms; // the same again, such as the next shard
    }
  }
}
