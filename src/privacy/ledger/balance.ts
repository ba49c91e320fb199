import { Injectable } from '@nestjs/common';
import { PrismaService } from '../../platform/index.js';
import { worstOf, type Book } from './book.js';
import { addLoss, NOTHING, type Loss } from './loss.js';

export interface ShardBalance {
  shardId: string;
  /** Lost for good. */
  spent: Loss;
  /** Taken by jobs whose key is not released yet. */
  reserved: Loss;
}

/** Reads of the ledger, for everyone: what was lost is in the public log as well. */
@Injectable()
export class FindBalance {
  constructor(private readonly prisma: PrismaService) {}

  /** Of shards that have no kin. In the order asked for; a shard that no job ever touched has lost nothing. */
  async ofShards(shardIds: readonly string[]): Promise<ShardBalance[]> {
    return this.ofFamilies(
      shardIds.map((id) => [id]),
      shardIds,
    );
  }

  /**
   * What counts against the next job, shard by shard: of a shard's whole family the worst, as `reservePrivacy` takes it.
   * @param families - of the wanted shards (`familiesOf`)
   */
  async ofFamilies(families: readonly (readonly string[])[], wanted: readonly string[]): Promise<ShardBalance[]> {
    const ids = families.flat();
    const [rows, charges] = await Promise.all([
      this.prisma.privacyShard.findMany({ where: { shardId: { in: ids } } }),
      this.prisma.privacyCharge.findMany({ where: { state: 'reserved', shardIds: { hasSome: ids } } }),
    ]);
    const book: Book = new Map(rows.map((row) => [row.shardId, row.spent]));
    const familyOf = new Map(families.flatMap((family) => family.map((id) => [id, family] as const)));
    return wanted.map((shardId) => {
      const family = familyOf.get(shardId) ?? [shardId];
      const kin = new Set(family);
      const reserved = charges
        .filter((charge) => charge.shardIds.some((id) => kin.has(id)))
        .reduce<Loss>((sum, { loss }) => addLoss(sum, loss), NOTHING);
      return { shardId, spent: worstOf(book, family), reserved };
    });
  }
}
