import { z } from 'zod';
import { bytes32Schema } from '../../kernel/index.js';

/**
 * One document on Ceramic: some consecutive records of one dataset version, by log index and leaf hash. Public for
 * ever and not erasable, so it holds commitments only: what a record says stays in the log.
 */
const leafHash = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * A record takes about 100 bytes of the block that holds the batch, and Ceramic refuses a block above 256,000 bytes:
 * this many fit twice over.
 */
export const MAX_RECORDS_PER_BATCH = 1_000;

/** The log's line and a few dozen witnesses'. */
export const MAX_NOTE_CHARS = 8_192;

export const batchedRecord = z.strictObject({
  /** Index of the entry in the log. */
  index: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** RFC 6962 leaf hash of the entry, hex. */
  leafHash,
});
export type BatchedRecord = z.infer<typeof batchedRecord>;

export const recordBatch = z
  .strictObject({
    keyId: bytes32Schema,
    /** 1, 2, 3 ... without a gap within a key id. */
    seq: z.number().int().min(1).max(0x7fffffff),
    count: z.number().int().min(1).max(MAX_RECORDS_PER_BATCH),
    /** In the order of the log. */
    records: z.array(batchedRecord).min(1).max(MAX_RECORDS_PER_BATCH),
    /** Ceramic commit id of batch `seq - 1`; absent in the first. A commit id binds content, so the batches form a chain. */
    previous: z.string().min(1).max(200).optional(),
    /** Times that the first and the last record state. */
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    /** C2SP origin of the log. */
    origin: z.string().min(1).max(255),
    /** A published note (C2SP tlog-checkpoint) of that log, cosigned as it was then, that covers all of these records. */
    checkpoint: z.string().min(1).max(MAX_NOTE_CHARS),
  })
  .refine((batch) => batch.count === batch.records.length, 'count differs from the number of records')
  .refine((batch) => (batch.seq === 1) === (batch.previous === undefined), 'only the first batch has no previous one')
  .refine((batch) => ascending(batch.records), 'records are not in the order of the log');
export type RecordBatch = z.infer<typeof recordBatch>;

function ascending(records: BatchedRecord[]): boolean {
  return records.every((record, i) => i === 0 || record.index > (records[i - 1]?.index ?? Number.POSITIVE_INFINITY));
}
