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
 * @throws WeighbridgeError WITNESSES_MISSING (retryable) for an index beyond the newest checkpoint, LOG_UNAVAILABLE,
 *   PROOF_INVALID
 */
export async function proveRecords(
  log: Pick<LogClient, 'checkpoint' | 'tile'>,
  indices: readonly number[],
): Promise<{ checkpoint: string; entries: ProvenEntry[] }> {
  const checkpoint = await log.checkpoint();
  const { note } = checkpoint;
  assertPublished(checkpoint, Math.max(...indices));
  const tree = await VerifiedTree.open((path) => log.tile(path), headOf(checkpoint));
  const entries: ProvenEntry[] = [];
  for (const index of indices) {
    const { entry } = await readEntry(log, tree, index);
    const hashes = await inclusionProof(tree, index);
    entries.push({ index, entry, proof: formatTlogProof({ index, hashes, checkpoint: note }) });
  }
  return { checkpoint: note, entries };
}
