import type { Bytes32 } from '../kernel/index.js';
import type { PrismaService } from '../platform/index.js';
import { keyIdOfRecord, positionOfRecord } from './commitment.js';
import type { AnchorableCheckpoint, Appended, LogClient } from './ports.js';
import { parseEntry } from './record.js';
import { MAX_SEQUENCE } from './statements.js';

/** Fixed records of one dataset that are read at once. */
const PAGE = 64;

/**
 * The log, for records that `fixRecord` placed: it gets a dataset's records in the order of their numbers, each after the one
 * whose digest it carries. A writer that died between fixing and appending is made up for by whoever appends next.
 */
export class DatasetLog implements LogClient {
  constructor(
    private readonly log: LogClient,
    private readonly prisma: Pick<PrismaService, 'datasetRecord'>,
  ) {}

  async append(entry: Uint8Array): Promise<Appended> {
    const record = parseEntry(entry);
    const [keyId, { sequence }] = [keyIdOfRecord(record), positionOfRecord(record)];
    for (const earlier of await this.notLogged(keyId, sequence)) {
      await this.appendOne(keyId, earlier.sequence, earlier.entry);
    }
    return this.appendOne(keyId, sequence, entry);
  }

  /** Appends what a writer fixed and did not live to append, if anything. */
  async catchUp(keyId: Bytes32): Promise<void> {
    for (const { sequence, entry } of await this.notLogged(keyId, MAX_SEQUENCE + 1)) {
      await this.appendOne(keyId, sequence, entry);
    }
  }

  async checkpoint(): Promise<AnchorableCheckpoint> {
    return this.log.checkpoint();
  }

  async tile(path: string): Promise<Uint8Array> {
    return this.log.tile(path);
  }

  /** The log knows the bytes from here on; the row keeps number and digest. */
  private async appendOne(keyId: Bytes32, sequence: number, entry: Uint8Array): Promise<Appended> {
    const appended = await this.log.append(entry);
    const where = { keyId, sequence, leafHash: appended.leafHash };
    await this.prisma.datasetRecord.updateMany({ where, data: { entry: null } });
    return appended;
  }

  /** In their order. Records enter the log in it, so those that are not there yet are the last ones. */
  private async notLogged(keyId: Bytes32, before: number): Promise<{ sequence: number; entry: Uint8Array }[]> {
    const found: { sequence: number; entry: Uint8Array }[] = [];
    for (;;) {
      const rows = await this.prisma.datasetRecord.findMany({
        where: { keyId, sequence: { lt: found[0]?.sequence ?? before } },
        orderBy: { sequence: 'desc' },
        take: PAGE,
      });
      for (const { sequence, entry } of rows) {
        if (entry === null) return found;
        found.unshift({ sequence, entry });
      }
      if (rows.length < PAGE) return found;
    }
  }
}
