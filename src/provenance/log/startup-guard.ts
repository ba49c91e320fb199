import { sameBytes, WeighbridgeError } from '../../kernel/index.js';
import type { Edge } from '../tiles/edge.js';
import { parseTilePath } from '../tiles/tile-path.js';
import { VerifiedTree } from '../tiles/tree.js';
import type { LogReader } from './log-reader.js';
import { nodeHasher } from './node-hasher.js';
import type { AnchoredCheckpoint } from './ports.js';

const NEXT =
  'Restore the newest copy of the log’s database (a replica or a later backup) and start again. If none is left, this ' +
  'log is over: start another under a new origin with its own LogAnchor, and keep what is left as evidence.';

/**
 * Refuses to sign below, or beside, a checkpoint that others have already relied on. A restored backup or a replica that
 * missed the last commits would otherwise sign a second history under the same key: a fork.
 * @throws WeighbridgeError LOG_BEHIND_ANCHOR, PROOF_INVALID if the database is damaged
 */
export async function assertExtendsAnchor(
  reader: Pick<LogReader, 'tile'>,
  edge: Edge,
  anchored: AnchoredCheckpoint,
): Promise<void> {
  if (anchored.size === 0) return;
  if (edge.size < anchored.size) {
    throw behind(`the database has ${edge.size} entries, the chain has anchored ${anchored.size}`, anchored, edge);
  }
  const head = { size: edge.size, root: edge.root() };
  const tree = await VerifiedTree.open((path) => reader.tile(parseTilePath(path), edge), head, nodeHasher);
  if (!sameBytes(await tree.rangeHash(0, anchored.size), anchored.root)) {
    throw behind(`the first ${anchored.size} entries are not those that the chain has anchored`, anchored, edge);
  }
}

function behind(detail: string, anchored: AnchoredCheckpoint, edge: Edge): WeighbridgeError {
  return new WeighbridgeError('LOG_BEHIND_ANCHOR', `the log would sign a fork: ${detail}`, {
    next: NEXT,
    details: { anchoredSize: anchored.size, logSize: edge.size },
  });
}
