import type { RecordSource, RelayStore } from './ports.js';

export interface IndexProgress {
  /** Entries that the cursor passed. */
  entries: number;
  unreadable: number[];
  /** True if the log had more than was read. */
  more: boolean;
}

/**
 * Takes the next stretch of the log into the index: records, what waits for a batch, and the cursor in one transaction.
 * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), PROOF_INVALID if the log's entries do not match its checkpoint
 */
export async function indexLog(source: RecordSource, store: RelayStore, limit: number): Promise<IndexProgress> {
  const stretch = await source.read(await store.cursor(), limit);
  const entries = stretch.to - stretch.from;
  if (entries === 0 || !(await store.add(stretch))) return { entries: 0, unreadable: [], more: false };
  return { entries, unreadable: stretch.unreadable, more: entries >= limit };
}
