import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { SequencerEvents } from './sequencer.js';

/** What the log process exports at `/metrics`. */
export interface LogMetrics extends SequencerEvents {
  readonly registry: Registry;
  refused(): void;
}

/** @param now - read when scraped */
export function logMetrics(now: {
  size(): number;
  published(): number;
  queued(): number;
  active(): boolean;
}): LogMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const entries = new Counter({ name: 'tlog_entries_total', help: 'Entries made durable', registers });
  const repeats = new Counter({
    name: 'tlog_duplicates_total',
    help: 'Appends answered with an older index',
    registers,
  });
  const refusals = new Counter({ name: 'tlog_refused_total', help: 'Appends refused', registers });
  const seconds = new Histogram({
    name: 'tlog_batch_seconds',
    help: 'From the cut of a batch to its commit',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('tlog_size', 'Entries made durable, each under a signed checkpoint', now.size);
  gauge('tlog_published_size', 'Entries under the newest published checkpoint', now.published);
  gauge('tlog_queued', 'Entries that wait to be cut', now.queued);
  gauge('tlog_active', '1 while this process sequences', () => (now.active() ? 1 : 0));
  return {
    registry,
    batch(count, took) {
      entries.inc(count);
      seconds.observe(took);
    },
    duplicates: (count) => repeats.inc(count),
    refused: () => refusals.inc(),
  };
}
