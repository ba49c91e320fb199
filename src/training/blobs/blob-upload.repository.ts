import { Injectable } from '@nestjs/common';
import type { Address } from '../../kernel/index.js';
import { PrismaService } from '../../platform/index.js';

/** Who brought which blob. */
@Injectable()
export class BlobUploadRepository {
  constructor(private readonly prisma: PrismaService) {}

  async add(digest: string, uploader: Address, sizeBytes: number): Promise<void> {
    const data = [{ digest, uploader, sizeBytes }];
    await this.prisma.blobUpload.createMany({ data, skipDuplicates: true });
  }

  async uploadersOf(digest: string): Promise<Address[]> {
    const rows = await this.prisma.blobUpload.findMany({ where: { digest }, select: { uploader: true } });
    return rows.map((row) => row.uploader as Address);
  }

  async bytesOf(uploader: Address): Promise<bigint> {
    const sum = await this.prisma.blobUpload.aggregate({ where: { uploader }, _sum: { sizeBytes: true } });
    return sum._sum.sizeBytes ?? 0n;
  }
}
