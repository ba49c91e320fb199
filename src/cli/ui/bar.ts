import cliProgress from 'cli-progress';

export interface BarOptions {
  label: string;
  total: number;
  /** Bytes are shown as MiB. */
  unit: 'bytes' | 'steps';
}

export interface Bar {
  update(done: number): void;
  /** A total may become known late. */
  setTotal(total: number): void;
  stop(): void;
}

const MIB = 1024 * 1024;
const WIDTH = 24;

/** A progress bar on a terminal, drawn from its first update on; nothing at all elsewhere, so that logs stay readable. */
export function createBar(stream: NodeJS.WriteStream, { label, total, unit }: BarOptions): Bar {
  if (!stream.isTTY) return { update: () => undefined, setTotal: () => undefined, stop: () => undefined };
  const amount = (n: number) => (unit === 'bytes' ? (n / MIB).toFixed(1) : String(n));
  const suffix = unit === 'bytes' ? ' MiB' : '';
  const bar = new cliProgress.SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: false,
    format: (_options, { progress, value, total: all }) => {
      const filled = Math.round(Math.min(1, progress || 0) * WIDTH);
      const blocks = '\u2588'.repeat(filled) + '\u2591'.repeat(WIDTH - filled);
      return `${label.padEnd(12)} ${blocks} ${amount(value)}/${amount(all)}${suffix}`;
    },
  });
  let expected = total;
  let started = false;
  return {
    update: (done) => {
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
