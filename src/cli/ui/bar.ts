import cliProgress from 'cli-progress';

export interface BarOptions {
  label: string;
  total: number;
  /** Bytes are shown as MiB. */
  unit: 'bytes' | 'steps';
}

export interface Bar {
  /** @param secondsLeft - where somebody knows it better than the pace of what was seen here */
  update(done: number, secondsLeft?: number | null): void;
  /** A total may become known late. */
  setTotal(total: number): void;
  stop(): void;
}

const MIB = 1024 * 1024;
const WIDTH = 24;

/** The rate is that of the last seconds: a wait in the middle does not spoil it for the rest of the way. */
const RATE_WINDOW_MS = 5_000;

/** How fast a count grows, and when it will be at its end. */
export function rateMeter(nowMs: () => number = () => performance.now()) {
  const seen: { atMs: number; done: number }[] = [];
  return {
    add: (done: number): void => {
      const atMs = nowMs();
      seen.push({ atMs, done });
      while (seen.length > 2 && atMs - (seen[1]?.atMs ?? atMs) > RATE_WINDOW_MS) seen.shift();
    },
    /** Units a second; 0 until two moments were seen. */
    rate: (): number => {
      const [first, last] = [seen[0], seen.at(-1)];
      if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
      return (last.done - first.done) / ((last.atMs - first.atMs) / 1000);
    },
  };
}

/** "40 s", "3 min", "2 h 5 min". */
export function timeLeft(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A progress bar on a terminal, drawn from its first update on; nothing at all elsewhere, so that logs stay readable. */
export function createBar(stream: NodeJS.WriteStream, { label, total, unit }: BarOptions): Bar {
  if (!stream.isTTY) return { update: () => undefined, setTotal: () => undefined, stop: () => undefined };
  const amount = (n: number) => (unit === 'bytes' ? (n / MIB).toFixed(1) : String(n));
  const suffix = unit === 'bytes' ? ' MiB' : '';
  const meter = rateMeter();
  let told: number | undefined;
  const speed = (left: number): string => {
    const rate = meter.rate();
    const seconds = told ?? (rate > 0 ? left / rate : undefined);
    if (seconds === undefined || left <= 0) return '';
    return `  ${unit === 'bytes' ? `${amount(rate)} MiB/s, ` : ''}${timeLeft(seconds)} left`;
  };
  const bar = new cliProgress.SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: false,
    format: (_options, { progress, value, total: all }) => {
      const filled = Math.round(Math.min(1, progress || 0) * WIDTH);
      const blocks = '\u2588'.repeat(filled) + '\u2591'.repeat(WIDTH - filled);
      return `${label.padEnd(13)} ${blocks} ${amount(value)}/${amount(all)}${suffix}${speed(all - value)}`;
    },
  });
  let expected = total;
  let started = false;
  return {
    update: (done, secondsLeft) => {
      meter.add(done);
      told = secondsLeft ?? undefined;
      if (started) bar.update(done);
      else bar.start(expected, done);
      started = true;
    },
    setTotal: (next) => {
      expected = next;
      if (started) bar.setTotal(next);
    },
    stop: () => {
      if (started) bar.stop();
    },
  };
}
