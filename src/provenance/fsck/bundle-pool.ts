import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { WeighbridgeError } from '../../kernel/index.js';
import { checkBundles, type BundleRange, type CheckedBundles } from './check-bundles.js';
import { openLogSource, type LogSource } from './log-source.js';

/** An error as it crosses threads. */
export type Failure = Pick<WeighbridgeError, 'code' | 'message' | 'next' | 'retryable'>;
type Answer = { found: CheckedBundles } | { failed: Failure };

/** Bundles a message: large enough that messages cost nothing, small enough that progress moves. */
const RANGE = 32;

/**
 * Checks the bundles `[0, count)` on `threads` threads; with none, in this one.
 * @param onChecked - called with each range's result, in any order
 * @throws WeighbridgeError LOG_UNAVAILABLE, BAD_INPUT: a file that is missing
 */
export async function checkAllBundles(
  source: LogSource,
  count: number,
  threads: number,
  onChecked: (found: CheckedBundles) => void,
): Promise<void> {
  const ranges = rangesOf(count);
  if (threads === 0) {
    const log = openLogSource(source);
    for (const range of ranges) onChecked(await checkBundles(log.tile, range));
    return;
  }
  await Promise.all(
    Array.from({ length: Math.min(threads, Math.ceil(count / RANGE)) }, async () =>
      runThread(source, ranges, onChecked),
    ),
  );
}

function* rangesOf(count: number): Generator<BundleRange> {
  for (let first = 0; first < count; first += RANGE) yield { first, count: Math.min(RANGE, count - first) };
}

/** Hands one thread range after range, from what all threads share. */
async function runThread(
  source: LogSource,
  ranges: Generator<BundleRange>,
  onChecked: (found: CheckedBundles) => void,
): Promise<void> {
  const worker = new Worker(new URL('./bundle-worker.js', import.meta.url), { workerData: source });
  try {
    for (const range of ranges) onChecked(await ask(worker, range));
  } finally {
    await worker.terminate();
  }
}

async function ask(worker: Worker, range: BundleRange): Promise<CheckedBundles> {
  // Rejects if the thread fails.
  const answered = once(worker, 'message') as Promise<[Answer]>;
  worker.postMessage(range);
  const [answer] = await answered;
  if ('found' in answer) return answer.found;
  throw new WeighbridgeError(answer.failed.code, answer.failed.message, answer.failed);
}
