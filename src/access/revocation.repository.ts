import { Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { PrismaService } from '../platform/index.js';
import { acceptRecord } from '../provenance/index.js';

/** A revocation whose record is fixed; it is public once the log holds that record. */
export interface Revocation {
  keyId: Bytes32;
  /** The one licence that ended; null for the whole dataset version. */
  licence: Bytes32 | null;
  /** The exact log entry. */
  entry: Uint8Array;
  /** Null until the log has acknowledged the entry. */
  logIndex: number | null;
  revokedAt: Date;
}

@Injectable()
export class RevocationRepository {
  constructor(private readonly prisma: PrismaService) {}

  async find(keyId: Bytes32, licence: Bytes32 | null): Promise<Revocation | undefined> {
    const row = await this.prisma.revocation.findUnique({ where: idOf(keyId, licence) });
    return row === null ? undefined : { ...row, keyId, licence };
  }

  /**
   * Fixes a revocation and its record's place. Consent ends once: of two calls the first one's record stays.
   * @throws WeighbridgeError RECORD_OUT_OF_ORDER
   */
  async fix(revocation: Omit<Revocation, 'logIndex'>): Promise<Revocation> {
    const { keyId, licence, revokedAt } = revocation;
    await this.prisma.$transaction(async (tx) => {
      // First, because it waits for other writers of this dataset: a twin of this call has its row in place then.
      await acceptRecord(tx, revocation.entry);
      const entry = new Uint8Array(revocation.entry);
      await tx.revocation.create({ data: { keyId, licence: licence ?? '', entry, revokedAt } });
    });
    return { ...revocation, logIndex: null };
  }

  async markLogged({ keyId, licence }: Revocation, logIndex: number): Promise<void> {
    await this.prisma.revocation.update({ where: idOf(keyId, licence), data: { logIndex } });
  }
}

function idOf(keyId: Bytes32, licence: Bytes32 | null): { keyId_licence: { keyId: string; licence: string } } {
  return { keyId_licence: { keyId, licence: licence ?? '' } };
}
