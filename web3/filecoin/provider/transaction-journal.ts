import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { hexBytesSchema, type Hex } from '../../../src/kernel/index.js';
import { writeDurably } from './durable-files.js';

const recordSchema = z.strictObject({
  hash: hexBytesSchema,
  /** The signed transaction: it is sent again after a restart, and cannot become another one. */
  serialized: hexBytesSchema,
  nonce: z.number().int().nonnegative(),
  /** Digest of the request that it serves: a repeated request is answered with this transaction. */
  request: z.string(),
  pieceCount: z.number().int().nonnegative(),
  status: z.enum(['pending', 'confirmed', 'rejected']),
  /** From the receipt. */
  dataSetId: z.string().optional(),
  pieceIds: z.array(z.number().int()).default([]),
});
export type TransactionRecord = z.infer<typeof recordSchema>;

/** Every transaction that this provider ever signed, one file each, on disk before it is sent. */
export class TransactionJournal {
  private readonly byHash = new Map<Hex, TransactionRecord>();
  private readonly byRequest = new Map<string, TransactionRecord>();

  constructor(private readonly dir: string) {
    mkdirSync(dir, { recursive: true });
    for (const name of readdirSync(dir).filter((file) => file.endsWith('.json'))) {
      this.remember(recordSchema.parse(JSON.parse(readFileSync(path.join(dir, name), 'utf8'))));
    }
  }

  /** Returns once the record is on disk. */
  async put(record: TransactionRecord): Promise<void> {
    await writeDurably(this.fileOf(record), JSON.stringify(record));
    this.remember(record);
  }

  get(hash: Hex): TransactionRecord | undefined {
    return this.byHash.get(hash);
  }

  /** The transaction that serves a request, unless the chain refused it: then the request may be tried anew. */
  forRequest(request: string): TransactionRecord | undefined {
    const record = this.byRequest.get(request);
    return record?.status === 'rejected' ? undefined : record;
  }

  /** The last transaction that was signed for a request, whatever became of it. */
  last(request: string): TransactionRecord | undefined {
    return this.byRequest.get(request);
  }

  /** Data sets that this provider made. */
  dataSetIds(): Set<bigint> {
    const confirmed = this.all().filter(({ status }) => status === 'confirmed');
    return new Set(confirmed.flatMap(({ dataSetId }) => (dataSetId === undefined ? [] : [BigInt(dataSetId)])));
  }

  /** Drops a settled transaction that no one will ask for again. */
  async forget(record: TransactionRecord): Promise<void> {
    await rm(this.fileOf(record), { force: true });
    this.byHash.delete(record.hash);
    if (this.byRequest.get(record.request)?.hash === record.hash) this.byRequest.delete(record.request);
  }

  all(): TransactionRecord[] {
    return [...this.byHash.values()];
  }

  pending(): TransactionRecord[] {
    return this.all().filter(({ status }) => status === 'pending');
  }

  private fileOf({ hash }: TransactionRecord): string {
    return path.join(this.dir, `${hash}.json`);
  }

  private remember(record: TransactionRecord): void {
    this.byHash.set(record.hash, record);
    this.byRequest.set(record.request, record);
  }
}
