import { charge, inherit, worstOf, type Book } from './book.js';
import type { Loss } from './loss.js';
import { familiesOf } from './shard-families.js';

/** What the log says of a dataset's shards: a version that was listed, or a run that lost something of its shards. */
export type LedgerEvent =
  | { kind: 'listed'; version: number; shardIds: readonly string[] }
  | { kind: 'lost'; shardIds: readonly string[]; loss: Loss };

/**
 * The ledger again, from what was logged: every run takes of the shards that it read and of all that may hold their rows.
 * @param events - of all versions of one dataset, in the order of the log
 * @returns of each wanted shard what counts against the next run
 */
export function replayLedger(events: readonly LedgerEvent[], wanted: readonly string[]): Map<string, Loss> {
  const versions = new Map<number, readonly string[]>();
  const book: Book = new Map();
  const familiesNow = (ids: readonly string[]) =>
    familiesOf(
      [...versions].toSorted(([a], [b]) => a - b).map(([, shardIds]) => shardIds),
      ids,
    );
  for (const event of events) {
    if (event.kind === 'listed') versions.set(event.version, event.shardIds);
    else charge(book, familiesNow(event.shardIds), event.loss);
  }
  const balance = new Map<string, Loss>();
  for (const family of familiesNow(wanted)) {
    inherit(book, family);
    for (const id of family) balance.set(id, worstOf(book, family));
  }
  return new Map(wanted.map((id) => [id, balance.get(id) ?? worstOf(book, [id])]));
}
