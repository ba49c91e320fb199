import { Injectable } from '@nestjs/common';
import type { Licence as LicenceRow } from '../generated/prisma/client.js';
import {
  licenceFromJson,
  licenceToJson,
  WeighbridgeError,
  type Address,
  type Bytes32,
  type Hex,
  type LicenceJson,
} from '../kernel/index.js';
import { isUniqueViolation, PrismaService } from '../platform/index.js';
import { toPage, type Page, type PageRequest } from '../platform/graphql/index.js';
import type { IssuedLicence, PurposeDetail, StoredLicence } from './licence.js';

@Injectable()
export class LicenceRepository {
  constructor(private readonly prisma: PrismaService) {}

  async find(id: Bytes32): Promise<StoredLicence | undefined> {
    const row = await this.prisma.licence.findUnique({ where: { id } });
    return row === null ? undefined : fromRow(row);
  }

  /**
   * Fixes a licence and its log entry before the entry is appended, with the purpose where it can be erased.
   * @returns what is stored: of two calls with one licence, the first one's entry
   * @throws WeighbridgeError NONCE_USED if another licence has this nonce
   */
  async fix(licence: StoredLicence, detail: PurposeDetail): Promise<StoredLicence> {
    const { licence: terms, ...row } = licence;
    const data = { ...row, entry: new Uint8Array(row.entry), licence: licenceToJson(terms), nonce: terms.nonce };
    try {
      await this.prisma.$transaction([
        this.prisma.licence.create({ data }),
        this.prisma.erasableDetail.create({ data: { licenceId: licence.id, ...detail } }),
      ]);
      return licence;
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      const stored = await this.find(licence.id);
      if (stored !== undefined) return stored;
      throw new WeighbridgeError('NONCE_USED', 'another licence has this nonce', {
        next: 'Sign a new licence with a fresh random nonce.',
        cause: error,
      });
    }
  }

  /** Notes where the log put the entry. */
  async markIssued(id: Bytes32, logIndex: number, leafHash: string): Promise<void> {
    await this.prisma.licence.update({ where: { id }, data: { logIndex, leafHash } });
  }

  /** The buyer's licences that are in the log, newest first. */
  async listOf(buyer: Address, keyId: Bytes32 | undefined, page: PageRequest): Promise<Page<IssuedLicence>> {
    const where = { buyer, logIndex: { not: null }, ...(keyId === undefined ? {} : { keyId }) };
    const [rows, totalCount] = await Promise.all([
      this.prisma.licence.findMany({
        where: { ...where, ...(page.after === undefined ? {} : { seq: { lt: page.after } }) },
        orderBy: { seq: 'desc' },
        take: page.first + 1,
      }),
      this.prisma.licence.count({ where }),
    ]);
    return toPage(
      rows,
      page,
      totalCount,
      (row) => row.seq,
      (row) => ({ ...fromRow(row), logIndex: row.logIndex ?? 0 }),
    );
  }
}

/** Only `fix` writes these columns, so their shapes are taken as written. */
function fromRow(row: LicenceRow): StoredLicence {
  return {
    id: row.id as Bytes32,
    keyId: row.keyId as Bytes32,
    buyer: row.buyer as Address,
    licence: licenceFromJson(row.licence as LicenceJson),
    signature: row.signature as Hex,
    validUntil: row.validUntil,
    entry: row.entry,
    logIndex: row.logIndex,
    issuedAt: row.issuedAt,
  };
}
