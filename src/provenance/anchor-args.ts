import { fromHex, sameBytes, to0x, WeighbridgeError, type Bytes32, type Hex } from '../kernel/index.js';
import type { AnchorableCheckpoint, LogClient } from './ports.js';
import { consistencyProof, inclusionProof } from './tiles/proofs.js';
import { readEntry } from './tiles/read-entries.js';
import { VerifiedTree } from './tiles/tree.js';
import type { TreeHead } from './verify/rfc6962.js';

/** What `LogAnchor.anchor` takes. */
export interface AnchorCall {
  size: bigint;
  root: Bytes32;
  proof: Bytes32[];
  signatures: Hex[];
}

/** What `Marketplace` takes to see that an entry is in an anchored tree. */
export interface InclusionCall {
  size: bigint;
  index: bigint;
  proof: Bytes32[];
  entry: Hex;
}

/** Size and root that LogAnchor holds, or that a checkpoint says. */
export interface AnchoredHead {
  size: bigint;
  root: Bytes32;
}

/**
 * The log's newest checkpoint as `LogAnchor.anchor` takes it, with the consistency proof from the newest anchored one.
 * Checked here first: a proof that fails on chain costs gas and says less.
 * @param anchored - size 0 before the first anchor
 * @param index - an entry that must be under it
 * @throws WeighbridgeError LOG_BEHIND_ANCHOR if the log is smaller than, or contradicts, what is anchored;
 *   WITNESSES_MISSING (retryable) if the entry is not under it yet; PROOF_INVALID, LOG_UNAVAILABLE
 */
export async function anchorArgs(
  log: Pick<LogClient, 'checkpoint' | 'tile'>,
  anchored: AnchoredHead,
  index?: number,
): Promise<AnchorCall> {
  const checkpoint = await log.checkpoint();
  if (index !== undefined) assertPublished(checkpoint, index);
  const from = Number(anchored.size);
  if (checkpoint.size < from) throw behind(`it has ${checkpoint.size} entries, ${from} are anchored`);
  const tree = await VerifiedTree.open((path) => log.tile(path), headOf(checkpoint));
  if (from > 0 && !sameBytes(await tree.rangeHash(0, from), fromHex(anchored.root))) {
    throw behind(`its first ${from} entries are not the anchored ones`);
  }
  const proof = await consistencyProof(tree, from);
  return {
    size: BigInt(checkpoint.size),
    root: `0x${checkpoint.root}`,
    proof: proof.map(to0x),
    signatures: checkpoint.signatures,
  };
}

/**
 * One entry with its path under `head`, which must be anchored, or be anchored in the same transaction.
 * @throws WeighbridgeError PROOF_INVALID, LOG_UNAVAILABLE; RangeError if the entry is not under that head
 */
export async function inclusionArgs(
  log: Pick<LogClient, 'tile'>,
  index: number,
  head: AnchoredHead,
): Promise<InclusionCall> {
  const tree = await VerifiedTree.open((path) => log.tile(path), {
    size: Number(head.size),
    root: fromHex(head.root),
  });
  const { entry } = await readEntry(log, tree, index);
  const proof = await inclusionProof(tree, index);
  return { size: head.size, index: BigInt(index), proof: proof.map(to0x), entry: to0x(entry) };
}

/**
 * That the entry at `index` is under this published checkpoint. It is durable before that: checkpoints may wait for their
 * witnesses, and what rests on one waits with them.
 * @throws WeighbridgeError WITNESSES_MISSING or what else the log waits for, LOG_UNAVAILABLE (all retryable)
 */
export function assertPublished({ size, waiting }: AnchorableCheckpoint, index: number): void {
  if (index < size) return;
  const reason = waiting === undefined ? '' : `: ${waiting.message}`;
  const message = `entry ${index} is in the log, but under no published checkpoint yet${reason}`;
  throw new WeighbridgeError(waiting?.code ?? 'LOG_UNAVAILABLE', message, {
    next: 'Wait: nothing is lost, and it goes on by itself once enough of the log’s witnesses answer.',
    details: { index, size },
    retryable: true,
  });
}

/** The tree that a checkpoint fixes. */
export function headOf(checkpoint: Pick<AnchorableCheckpoint, 'size' | 'root'>): TreeHead {
  return { size: checkpoint.size, root: fromHex(checkpoint.root) };
}

function behind(detail: string): WeighbridgeError {
  return new WeighbridgeError('LOG_BEHIND_ANCHOR', `the log does not extend the anchored checkpoint: ${detail}`, {
    next: 'Restore the newest copy of the log’s database; until then nothing can be recorded.',
  });
}
