import { WeighbridgeError } from '../../kernel/index.js';
import type { Transaction } from '../../platform/index.js';
import { inherit, worstOf, type Book } from './book.js';
import { addLoss, epsilonOfLoss, NOTHING, type Loss } from './loss.js';

/** What the seller's terms give away of each shard, over all buyers and versions. */
export interface Budget {
  epsilon: number;
  delta: number;
}

export interface Reservation {
  orderId: string;
  /** The shards that the job reads, each with those that may hold its rows (`familiesOf`). */
  families: readonly (readonly string[])[];
  loss: Loss;
  budget: Budget;
}

/**
 * Takes a job's loss off the budget of every shard it reads, in the transaction that accepts the job. The shards' row locks put
 * concurrent jobs in line: each sees what the one before it took.
 * @throws WeighbridgeError BUDGET_EXHAUSTED, with what is left
 */
export async function reservePrivacy(tx: Transaction, reservation: Reservation): Promise<void> {
  const { orderId, families, loss, budget } = reservation;
  const shardIds = families.flat().toSorted();
  const book = await openShards(tx, shardIds);
  const before = new Map(book);
  const reserved = await tx.privacyCharge.findMany({ where: { state: 'reserved', shardIds: { hasSome: shardIds } } });
  for (const family of families) {
    inherit(book, family);
    const kin = new Set(family);
    const others = reserved.filter((charge) => charge.shardIds.some((id) => kin.has(id)));
    const taken = others.reduce<Loss>((sum, charge) => addLoss(sum, charge.loss), worstOf(book, family));
    assertWithin(budget, taken, loss);
  }
  // A version that was listed meanwhile may share rows with what others have reserved: theirs counts for its shards too.
  for (const charge of reserved) {
    const kin = families.filter((family) => family.some((id) => charge.shardIds.includes(id))).flat();
    const all = [...new Set([...charge.shardIds, ...kin])];
    if (all.length > charge.shardIds.length) {
      await tx.privacyCharge.update({ where: { orderId: charge.orderId }, data: { shardIds: all } });
    }
  }
  for (const [shardId, spent] of book) {
    if (spent !== before.get(shardId))
      await tx.privacyShard.update({ where: { shardId }, data: { spent: [...spent] } });
  }
  await tx.privacyCharge.create({ data: { orderId, shardIds, loss: [...loss], state: 'reserved' } });
}

/** Makes a job's loss final, in the transaction that records that its key may be released. Nothing gives it back. */
export async function commitPrivacy(tx: Transaction, orderId: string): Promise<void> {
  const seen = await tx.privacyCharge.findUnique({ where: { orderId } });
  if (seen === null) return;
  await openShards(tx, seen.shardIds.toSorted());
  const { count } = await tx.privacyCharge.updateMany({
    where: { orderId, state: 'reserved' },
    data: { state: 'committed' },
  });
  if (count === 0) return;
  const { shardIds, loss } = await tx.privacyCharge.findUniqueOrThrow({ where: { orderId } });
  const book = await openShards(tx, shardIds.toSorted());
  for (const [shardId, spent] of book) {
    await tx.privacyShard.update({ where: { shardId }, data: { spent: [...addLoss(spent, loss)] } });
  }
}

/** Gives everything back, in the transaction that ends a job before its key could be released. */
export async function releasePrivacy(tx: Transaction, orderId: string): Promise<void> {
  await tx.privacyCharge.updateMany({ where: { orderId, state: 'reserved' }, data: { state: 'released' } });
}

/** Locks the shards, in one order for everybody, and reads them. */
async function openShards(tx: Transaction, shardIds: readonly string[]): Promise<Book> {
  await tx.privacyShard.createMany({
    data: shardIds.map((shardId) => ({ shardId, spent: [...NOTHING] })),
    skipDuplicates: true,
  });
  await tx.$executeRaw`SELECT 1 FROM privacy_shards WHERE shard_id = ANY(${[...shardIds]}) ORDER BY shard_id FOR UPDATE`;
  const rows = await tx.privacyShard.findMany({ where: { shardId: { in: [...shardIds] } } });
  return new Map(rows.map(({ shardId, spent }) => [shardId, spent]));
}

function assertWithin({ epsilon, delta }: Budget, taken: Loss, loss: Loss): void {
  if (epsilonOfLoss(addLoss(taken, loss), delta) <= epsilon) return;
  const spent = epsilonOfLoss(taken, delta);
  throw new WeighbridgeError(
    'BUDGET_EXHAUSTED',
    `the rows have ${epsilon} epsilon for everybody, ${spent.toFixed(3)} of it is taken: the run does not fit any more`,
    {
      next: 'Take a run with a smaller epsilon, or wait for a version with new rows; a payment goes back after its deadline.',
      details: { budgetEpsilon: epsilon, delta, takenEpsilon: spent },
    },
  );
}
