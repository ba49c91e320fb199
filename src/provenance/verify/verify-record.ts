import { WeighbridgeError } from '../../kernel/index.js';
import type { LogEntry } from '../record.js';
import { verifyEntry } from '../verify-entry.js';
import { verifyCheckpoint, type Checkpoint } from './checkpoint.js';
import { pureHasher, verifyInclusion } from './rfc6962.js';
import { parseTlogProof } from './tlog-proof.js';
import { marketOf, type Trust } from './trust.js';

/**
 * One record by itself: in the log under a trusted checkpoint, whole, and signed by the party whose record it is.
 * @param proof - C2SP tlog-proof
 * @throws WeighbridgeError BAD_INPUT, PROOF_INVALID, BAD_SIGNATURE
 */
export async function verifyRecordInLog(
  entryBytes: Uint8Array,
  proof: string,
  trust: Trust,
): Promise<{ entry: LogEntry; index: number; checkpoint: Checkpoint }> {
  const { index, hashes, checkpoint: note } = parseTlogProof(proof);
  const checkpoint = verifyCheckpoint(note, trust);
  if (!verifyInclusion(pureHasher.leaf(entryBytes), index, checkpoint, hashes)) {
    throw new WeighbridgeError('PROOF_INVALID', `the record is not entry ${index} of ${checkpoint.size}`, {
      next: 'Do not rely on this record; fetch its proof from the log again.',
    });
  }
  const entry = await verifyEntry(entryBytes, { market: marketOf(trust), recorder: trust.recorder });
  return { entry, index, checkpoint };
}
