import type { LogClient } from './ports.js';
import { assertPublished, headOf } from './anchor-args.js';
import { inclusionProof } from './tiles/proofs.js';
import { readEntry } from './tiles/read-entries.js';
import { VerifiedTree } from './tiles/tree.js';
import { formatTlogProof } from './verify/tlog-proof.js';

export interface ProvenEntry {
  index: number;
  entry: Uint8Array;
  /** C2SP tlog-proof: what `verifyRecordInLog` takes. */
  proof: string;
}

/**
 * Entries with their proofs, all under the log's newest checkpoint.
 * @throws WeighbridgeError LOG_UNAVAILABLE (retryable, also for an index beyond the newest checkpoint), PROOF_INVALID
 */
export async function proveRecords(
  log: Pick<LogClient, 'checkpoint' | 'tile'>,
  indices: readonly number[],
): Promise<{ checkpoint: string; entries: ProvenEntry[] }> {
  const { note, size, root } = await log.checkpoint();
  assertPublished(size, Math.max(...indices));
  const tree = await VerifiedTree.open((path) => log.tile(path), headOf({ size, root }));
  const entries: ProvenEntry[] = [];
  for (const index of indices) {
    const { entry } = await readEntry(log, tree, index);
    const hashes = await inclusionProof(tree, index);
    entries.push({ index, entry, proof: formatTlogProof({ index, hashes, checkpoint: note }) });
  }
  return { checkpoint: note, entries };
}
