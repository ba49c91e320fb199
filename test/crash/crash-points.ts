import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** One moment at which a worker dies: just before a port call has any effect, or after it had it and before anybody knows. */
export type CrashPoint = `${string}:${'before' | 'after'}`;

/**
 * The moments still to die at, in one file that outlives the process. A worker that reaches one strikes it out (so it
 * dies there once) and kills itself with SIGKILL: no handler runs, nothing is flushed.
 */
export class CrashPlan {
  constructor(private readonly file: string) {}

  write(points: readonly CrashPoint[]): void {
    writeFileSync(this.file, JSON.stringify(points));
  }

  remaining(): CrashPoint[] {
    return existsSync(this.file) ? (JSON.parse(readFileSync(this.file, 'utf8')) as CrashPoint[]) : [];
  }

  reach(point: CrashPoint): void {
    const points = this.remaining();
    if (!points.includes(point)) return;
    this.write(points.filter((p) => p !== point));
    process.kill(process.pid, 'SIGKILL');
  }
}

/** `port` with every listed method dying at its points. Methods that are not listed are as they were. */
export function dyingAt<T extends object>(
  plan: CrashPlan,
  name: string,
  port: T,
  methods: readonly (keyof T & string)[],
): T {
  return new Proxy(port, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const method = methods.find((m) => m === key);
      if (method === undefined) return value.bind(target) as unknown;
      return async (...args: unknown[]): Promise<unknown> => {
        const what = `${name}.${method}${labelOf(args)}`;
        plan.reach(`${what}:before`);
        const result: unknown = await value.apply(target, args);
        plan.reach(`${what}:after`);
        return result;
      };
    },
  });
}

/** A transition is told apart by where it goes, an append by what it appends: `log.append[access-granted]`. */
function labelOf([first, , third]: unknown[]): string {
  if (typeof third === 'string' && /^[a-z]+$/.test(third)) return `[${third}]`;
  if (!(first instanceof Uint8Array)) return '';
  const type = /^weighbridge\/v1 ([a-z-]+) /.exec(Buffer.from(first.subarray(0, 64)).toString('latin1'))?.[1];
  return type === undefined ? '' : `[${type}]`;
}
