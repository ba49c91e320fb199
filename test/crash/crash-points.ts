import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

/** One moment at which a worker dies: just before a port call has any effect, or after it had it and before anybody knows. */
export type CrashPoint = `${string}:${'before' | 'after'}`;

/** How long a job that is at such a moment waits for the other one to come to one of its own. */
const WAIT_FOR_OTHER_MS = 4_000;
/** From here another handler goes on with the job: were the process to wait, the moment would pass. */
const HANDED_ON = /\.transition\[(settling|refunding)\]:after$/;

/**
 * The moments still to die at, in one file that outlives the process. A worker that reaches one strikes it out (so it
 * dies there once) and goes no further with that job. It kills itself with SIGKILL, so that no handler runs and nothing
 * is flushed, once the other job that it has in hand is at such a moment too, or does not come to one.
 */
export class CrashPlan {
  private isDying = false;

  constructor(private readonly file: string) {}

  write(points: readonly CrashPoint[]): void {
    writeFileSync(this.file, JSON.stringify(points));
  }

  remaining(): CrashPoint[] {
    return existsSync(this.file) ? (JSON.parse(readFileSync(this.file, 'utf8')) as CrashPoint[]) : [];
  }

  async reach(point: CrashPoint): Promise<void> {
    const points = this.remaining();
    if (!points.includes(point)) return;
    this.write(points.filter((p) => p !== point));
    if (!this.isDying && !HANDED_ON.test(point)) {
      this.isDying = true;
      await sleep(WAIT_FOR_OTHER_MS);
    }
    flushCompileCache(); // Node writes it at an orderly end, which no life of a dying worker has
    process.kill(process.pid, 'SIGKILL');
    await new Promise<never>(() => undefined);
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
        await plan.reach(`${what}:before`);
        const result: unknown = await value.apply(target, args);
        await plan.reach(`${what}:after`);
        return result;
      };
    },
  });
}

/** A change of a job is told apart by the state it leads to, an append by what it appends: `log.append[access-granted]`. */
function labelOf([first, second, third]: unknown[]): string {
  if (!(first instanceof Uint8Array)) return stateIn(third) || stateIn(second);
  const type = /^weighbridge\/v1 ([a-z-]+) /.exec(Buffer.from(first.subarray(0, 64)).toString('latin1'))?.[1];
  return type === undefined ? '' : `[${type}]`;
}

function stateIn(argument: unknown): string {
  return typeof argument === 'string' && /^[a-z]+$/.test(argument) ? `[${argument}]` : '';
}
