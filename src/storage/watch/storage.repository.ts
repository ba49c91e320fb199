import { Injectable } from '@nestjs/common';
import type { Address, Bytes32 } from '../../kernel/index.js';
import { PrismaService, type Transaction } from '../../platform/index.js';
import { toPage, type Page, type PageRequest } from '../../platform/graphql/index.js';
import type { StorageCopy as CopyRow, Notice as NoticeRow } from '../../generated/prisma/client.js';
import type { RepairPermit } from '../copies.js';

export type StoredCopy = Omit<CopyRow, 'heldWei'> & { heldWei: bigint | null };
export type Notice = NoticeRow;
export type NewNotice = Omit<NoticeRow, 'seq'>;

type Client = PrismaService | Transaction;

/** Copies, permits, warnings and notices. Writes that belong to a record run in the record's transaction. */
@Injectable()
export class StorageRepository {
  constructor(private readonly prisma: PrismaService) {}

  async copiesOf(keyId: Bytes32): Promise<StoredCopy[]> {
    const rows = await this.prisma.storageCopy.findMany({ where: { keyId }, orderBy: { dataSetId: 'asc' } });
    return rows.map((row) => ({ ...row, heldWei: row.heldWei === null ? null : BigInt(row.heldWei.toFixed()) }));
  }

  async saveCopy(copy: StoredCopy, tx: Client = this.prisma): Promise<void> {
    const { keyId, dataSetId } = copy;
    const where = { keyId_dataSetId: { keyId, dataSetId } };
    const row = { ...copy, heldWei: copy.heldWei?.toString() ?? null };
    await tx.storageCopy.upsert({ where, create: row, update: row });
  }

  /** Whether this copy is known with this fault. */
  async isNoted(tx: Transaction, { keyId, dataSetId, fault }: StoredCopy): Promise<boolean> {
    return (await tx.storageCopy.count({ where: { keyId, dataSetId, fault } })) > 0;
  }

  async markReplaced(tx: Client, keyId: Bytes32, dataSetId: number, replacedBy: number): Promise<void> {
    await tx.storageCopy.updateMany({ where: { keyId, dataSetId }, data: { replacedBy } });
  }

  /** A seller's newer permit takes the place of the older one. */
  async savePermits(keyId: Bytes32, permits: readonly RepairPermit[]): Promise<void> {
    await this.prisma.$transaction(
      permits.map((permit) => {
        const { providerId, payer } = permit;
        const row = { payer: payer.toLowerCase(), permit: { ...permit }, validUntil: new Date(permit.validUntil) };
        const where = { keyId_providerId: { keyId, providerId } };
        return this.prisma.storagePermit.upsert({ where, create: { keyId, providerId, ...row }, update: row });
      }),
    );
  }

  /** Those that are still good, and that the payer itself has left. */
  async permitsOf(keyId: Bytes32, payer: Address, now: Date): Promise<RepairPermit[]> {
    const where = { keyId, payer: payer.toLowerCase(), validUntil: { gt: now } };
    const rows = await this.prisma.storagePermit.findMany({ where, orderBy: { providerId: 'asc' } });
    return rows.map(({ permit }) => permit as unknown as RepairPermit);
  }

  /** Signatures for copies that nobody wants any more are not kept for whoever may come by them. */
  async forgetPermits(keyId: Bytes32): Promise<void> {
    await this.prisma.storagePermit.deleteMany({ where: { keyId } });
  }

  async warnedDays(payer: Address): Promise<number | null> {
    const row = await this.prisma.storageDeposit.findUnique({ where: { payer: payer.toLowerCase() } });
    return row?.warnedDays ?? null;
  }

  async setWarnedDays(payer: Address, warnedDays: number | null, tx: Client = this.prisma): Promise<void> {
    const key = payer.toLowerCase();
    const where = { payer: key };
    await tx.storageDeposit.upsert({ where, create: { payer: key, warnedDays }, update: { warnedDays } });
  }

  /** The same notice twice is one. */
  async notify(notice: NewNotice, tx: Client = this.prisma): Promise<void> {
    await tx.notice.createMany({ data: [{ ...notice, seller: notice.seller.toLowerCase() }], skipDuplicates: true });
  }

  /** Newest first. */
  async notices(seller: Address, page: PageRequest): Promise<Page<Notice>> {
    const where = { seller: seller.toLowerCase() };
    const [rows, count] = await Promise.all([
      this.prisma.notice.findMany({
        where: { ...where, ...(page.after === undefined ? {} : { seq: { lt: page.after } }) },
        orderBy: { seq: 'desc' },
        take: page.first + 1,
      }),
      this.prisma.notice.count({ where }),
    ]);
    return toPage(
      rows,
      page,
      count,
      ({ seq }) => seq,
      (row) => row,
    );
  }
}
