import { Injectable } from '@nestjs/common';
import type { Address } from '../kernel/index.js';
import { PrismaService } from '../platform/index.js';

/** Nonces and sessions. Both are short-lived: whoever adds a row clears away what has ended. */
@Injectable()
export class IdentityRepository {
  constructor(private readonly prisma: PrismaService) {}

  async addNonce(value: string, expiresAt: Date): Promise<void> {
    await this.prisma.$transaction([
      this.prisma.nonce.deleteMany({ where: { expiresAt: { lt: new Date() } } }),
      this.prisma.nonce.create({ data: { value, expiresAt } }),
    ]);
  }

  /** Uses a nonce up. Of any number of callers with the same one, exactly one gets true. */
  async useNonce(value: string, now: Date): Promise<boolean> {
    const unused = { value, usedAt: null, expiresAt: { gt: now } };
    const { count } = await this.prisma.nonce.updateMany({ where: unused, data: { usedAt: now } });
    return count === 1;
  }

  async addSession(tokenDigest: string, address: Address, expiresAt: Date): Promise<void> {
    await this.prisma.$transaction([
      this.prisma.session.deleteMany({ where: { expiresAt: { lt: new Date() } } }),
      this.prisma.session.create({ data: { tokenDigest, address, expiresAt } }),
    ]);
  }

  async findSession(tokenDigest: string, now: Date): Promise<Address | undefined> {
    const session = await this.prisma.session.findUnique({ where: { tokenDigest, expiresAt: { gt: now } } });
    return session?.address as Address | undefined;
  }

  async removeSession(tokenDigest: string): Promise<boolean> {
    const { count } = await this.prisma.session.deleteMany({ where: { tokenDigest } });
    return count === 1;
  }
}
