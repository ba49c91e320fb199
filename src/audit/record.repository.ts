import { Injectable } from '@nestjs/common';
import type { LogRecord as LogRecordRow } from '../generated/prisma/client.js';
import type { Address, Bytes32 } from '../kernel/index.js';
import { PrismaService } from '../platform/index.js';
import { toPage, type Page, type PageRequest } from '../platform/graphql/index.js';
import type { IndexedRecord, RecordType } from '../provenance/index.js';

/** The index of the public log; it holds nothing that the log does not. */
@Injectable()
export class RecordRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** In the order of the log. */
  async list(keyId: Bytes32 | undefined, page: PageRequest): Promise<Page<IndexedRecord>> {
    const where = keyId === undefined ? {} : { keyId };
    const after = page.after === undefined ? {} : { index: { gt: Number(page.after) } };
    const [rows, totalCount] = await Promise.all([
      this.prisma.logRecord.findMany({
        where: { ...where, ...after },
        orderBy: { index: 'asc' },
        take: page.first + 1,
      }),
      this.prisma.logRecord.count({ where }),
    ]);
    return toPage(rows, page, totalCount, (row) => row.index, fromRow);
  }

  /** How often each dataset was opened: its `access-granted` records. */
  async countAccesses(keyIds: readonly Bytes32[]): Promise<Map<Bytes32, number>> {
    const groups = await this.prisma.logRecord.groupBy({
      by: ['keyId'],
      where: { keyId: { in: [...keyIds] }, type: 'access-granted' satisfies RecordType },
      _count: true,
    });
    return new Map(groups.map((group) => [group.keyId as Bytes32, group._count]));
  }
}

function fromRow(row: LogRecordRow): IndexedRecord {
  return {
    ...row,
    type: row.type as RecordType,
    keyId: row.keyId as Bytes32,
    orderId: (row.orderId ?? undefined) as Bytes32 | undefined,
    actor: (row.actor ?? undefined) as Address | undefined,
  };
}
