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
import { fixRecord, type Position } from '../provenance/index.js';
import type { IssuedLicence, NewLicence, PurposeDetail, StoredLicence } from './licence.js';

@Injectable()
export class LicenceRepository {
  constructor(private readonly prisma: PrismaService) {}

  async find(id: Bytes32): Promise<StoredLicence | undefined> {
    const row = await this.prisma.licence.findUnique({ where: { id } });
    return row === null ? undefined : fromRow(row);
  }

  /**
   * Fixes a licence and its log entry before the entry is appended, with the purpose where it can be erased.
   * @param seal makes the entry for its place among the dataset's records
   * @returns what is stored: of two calls with one licence, the first one's entry
   * @throws WeighbridgeError NONCE_USED if another licence has this nonce
   */
  async fix(
    licence: NewLicence,
    detail: PurposeDetail,
    seal: (position: Position) => Promise<Uint8Array>,
  ): Promise<StoredLicence> {
    const { licence: terms, ...row } = licence;
    try {
      return await this.prisma.$transaction(async (tx) => {
        const entry = await fixRecord(tx, licence.keyId, seal);
        const data = { ...row, entry: new Uint8Array(entry), licence: licenceToJson(terms), nonce: terms.nonce };
        await tx.licence.create({ data });
        await tx.erasableDetail.create({ data: { licenceId: licence.id, ...detail } });
        return { ...licence, entry, logIndex: null };
      });
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

  /** What was stated under each; one that was erased is not in the map. */
  async purposesOf(ids: readonly Bytes32[]): Promise<Map<Bytes32, string>> {
    const rows = await this.prisma.erasableDetail.findMany({ where: { licenceId: { in: [...ids] } } });
    return new Map(rows.map((row) => [row.licenceId as Bytes32, row.purpose]));
  }

  /** Whether a pseudonym stands in a licence for another dataset. */
  async isKnownElsewhere(pseudonym: Address, keyId: Bytes32): Promise<boolean> {
    return (await this.prisma.licence.findFirst({ where: { pseudonym, keyId: { not: keyId } } })) !== null;
  }

  /** Removes purpose and salt for good. */
  async eraseDetail(id: Bytes32): Promise<void> {
    await this.prisma.erasableDetail.deleteMany({ where: { licenceId: id } });
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
    pseudonym: row.pseudonym as Address,
    pseudonymSignature: row.pseudonymSignature as Hex,
    licence: licenceFromJson(row.licence as LicenceJson),
    signature: row.signature as Hex,
    validUntil: row.validUntil,
    entry: row.entry,
    logIndex: row.logIndex,
    issuedAt: row.issuedAt,
  };
}
