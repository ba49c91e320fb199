import cliProgress from 'cli-progress';

export interface BarOptions {
  label: string;
  total: number;
  /** Bytes are shown as MiB. */
  unit: 'bytes' | 'steps';
}

export interface Bar {
  update(done: number, note?: string): void;
  /** A total may become known late. */
  setTotal(total: number): void;
  stop(): void;
}

const MIB = 1024 * 1024;

/** A progress bar on a terminal; nothing at all elsewhere, so that logs stay readable. */
export function createBar(stream: NodeJS.WriteStream, { label, total, unit }: BarOptions): Bar {
  if (!stream.isTTY) return { update: () => undefined, setTotal: () => undefined, stop: () => undefined };
  const amount = (n: number) => (unit === 'bytes' ? (n / MIB).toFixed(1) : String(n));
  const suffix = unit === 'bytes' ? ' MiB' : '';
  const bar = new cliProgress.SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: false,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    format: (_options, params, payload: { note?: string }) => {
      const filled = Math.round(Math.min(1, params.progress || 0) * 24);
      const blocks = '\u2588'.repeat(filled) + '\u2591'.repeat(24 - filled);
      const note = payload.note === undefined ? '' : `  ${payload.note}`;
      return `${label.padEnd(12)} ${blocks} ${amount(params.value)}/${amount(params.total)}${suffix}${note}`;
    },
  });
  bar.start(total, 0, {});
  return {
    update: (done, note) => bar.update(done, note === undefined ? {} : { note }),
    setTotal: (next) => bar.setTotal(next),
    stop: () => bar.stop(),
  };
}
