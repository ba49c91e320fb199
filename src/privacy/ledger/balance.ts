import { Injectable } from '@nestjs/common';
import { PrismaService } from '../../platform/index.js';
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

  /** In the order asked for; a shard that no job ever touched has lost nothing. */
  async ofShards(shardIds: readonly string[]): Promise<ShardBalance[]> {
    const [rows, charges] = await Promise.all([
      this.prisma.privacyShard.findMany({ where: { shardId: { in: [...shardIds] } } }),
      this.prisma.privacyCharge.findMany({ where: { state: 'reserved', shardIds: { hasSome: [...shardIds] } } }),
    ]);
    const spent = new Map(rows.map((row) => [row.shardId, row.spent]));
    return shardIds.map((shardId) => ({
      shardId,
      spent: spent.get(shardId) ?? NOTHING,
      reserved: charges
        .filter((charge) => charge.shardIds.includes(shardId))
        .reduce<Loss>((sum, { loss }) => addLoss(sum, loss), NOTHING),
    }));
  }
}
