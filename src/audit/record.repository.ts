import { Injectable } from '@nestjs/common';
import type { LogRecord as LogRecordRow } from '../generated/prisma/client.js';
import type { Address, Bytes32 } from '../kernel/index.js';
import { PrismaService } from '../platform/index.js';
import { toPage, type Page, type PageRequest } from '../platform/graphql/index.js';
import type { IndexedRecord, RecordType } from '../provenance/index.js';

/** What records of one dataset a list holds. Each of these has an index of its own, so a page costs the same anywhere. */
export interface RecordFilter {
  type?: RecordType | undefined;
  actor?: Address | undefined;
  licence?: Bytes32 | undefined;
  job?: Bytes32 | undefined;
}

/** The index of the public log; it holds nothing that the log does not. */
@Injectable()
export class RecordRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** In the order of the log. */
  async list(keyId: Bytes32 | undefined, page: PageRequest): Promise<Page<IndexedRecord>> {
    const [rows, totalCount] = await Promise.all([
      this.after(page, keyId === undefined ? {} : { keyId }),
      keyId === undefined ? this.countAll() : this.countOf(keyId),
    ]);
    return toPage(rows, page, totalCount, (row) => row.index, fromRow);
  }

  /** Records of one dataset in the order of the log. How many there are is not counted. */
  async ofDataset(keyId: Bytes32, filter: RecordFilter, page: PageRequest): Promise<Page<IndexedRecord>> {
    const { type, actor, licence, job } = filter;
    const rows = await this.after(page, {
      keyId,
      ...(type === undefined ? {} : { type }),
      ...(actor === undefined ? {} : { actor: actor.toLowerCase() }),
      ...(licence === undefined ? {} : { licence }),
      ...(job === undefined ? {} : { orderId: job }),
    });
    return toPage(rows, page, 0, (row) => row.index, fromRow);
  }

  async at(index: number): Promise<IndexedRecord | undefined> {
    const row = await this.prisma.logRecord.findUnique({ where: { index } });
    return row === null ? undefined : fromRow(row);
  }

  /** The records after an index, for whoever follows the log. */
  async following(index: number, keyId: Bytes32 | undefined, first: number): Promise<IndexedRecord[]> {
    const where = keyId === undefined ? {} : { keyId };
    return (await this.after({ first: first - 1, after: BigInt(index) }, where)).map(fromRow);
  }

  /** Index of the newest record; -1 if there is none. */
  async newest(): Promise<number> {
    const row = await this.prisma.logRecord.findFirst({ orderBy: { index: 'desc' }, select: { index: true } });
    return row?.index ?? -1;
  }

  /** Every record of these jobs, in the order of the log. */
  async ofJobs(orderIds: readonly Bytes32[]): Promise<Map<Bytes32, IndexedRecord[]>> {
    const where = { orderId: { in: [...orderIds] } };
    const rows = await this.prisma.logRecord.findMany({ where, orderBy: { index: 'asc' } });
    const records = rows.map(fromRow);
    return new Map(orderIds.map((id) => [id, records.filter(({ orderId }) => orderId === id)]));
  }

  /** Where each of these licences was issued. */
  async licencesIssued(licences: readonly Bytes32[]): Promise<Map<Bytes32, IndexedRecord>> {
    const where = { licence: { in: [...licences] }, type: 'licence-issued' satisfies RecordType };
    const rows = await this.prisma.logRecord.findMany({ where, orderBy: { index: 'asc' } });
    return new Map(rows.map((row) => [row.licence as Bytes32, fromRow(row)]));
  }

  /** How often each dataset was opened: its `access-granted` records. */
  async countAccesses(keyIds: readonly Bytes32[]): Promise<Map<Bytes32, number>> {
    const rows = await this.prisma.accessCount.findMany({ where: { keyId: { in: [...keyIds] } } });
    return new Map(rows.map((row) => [row.keyId as Bytes32, row.accesses]));
  }

  private async after(page: PageRequest, where: object): Promise<LogRecordRow[]> {
    const after = page.after === undefined ? {} : { index: { gt: Number(page.after) } };
    return this.prisma.logRecord.findMany({
      where: { ...where, ...after },
      orderBy: { index: 'asc' },
      take: page.first + 1,
    });
  }

  /** A count of the rows would cost more the more there are; the cursor counts what it takes in. */
  private async countAll(): Promise<number> {
    return (await this.prisma.relayCursor.findFirst())?.recordCount ?? 0;
  }

  /** A dataset's records are numbered, so the newest tells how many there are. */
  private async countOf(keyId: Bytes32): Promise<number> {
    const newest = await this.prisma.logRecord.findFirst({
      where: { keyId },
      orderBy: { index: 'desc' },
      select: { sequence: true },
    });
    return newest?.sequence ?? 0;
  }
}

/** What is undefined in the log's index is null in its rows. */
export function fromRow(row: LogRecordRow): IndexedRecord {
  return {
    ...row,
    type: row.type as RecordType,
    keyId: row.keyId as Bytes32,
    orderId: (row.orderId ?? undefined) as Bytes32 | undefined,
    licence: (row.licence ?? undefined) as Bytes32 | undefined,
    weights: row.weights ?? undefined,
    initialWeights: row.initialWeights ?? undefined,
    actor: (row.actor ?? undefined) as Address | undefined,
  };
}
