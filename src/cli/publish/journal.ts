import path from 'node:path';
import { z } from 'zod';
import { columnSchema, pieceSchema, wrappedKeySchema } from '../../catalog/manifest.js';
import { bytes32Schema, hexBytesSchema, offerJson } from '../../kernel/index.js';
import { readJson, writeJsonAtomic } from '../state/atomic-file.js';

/** Which dataset version this is, chosen before the first byte is encrypted: keys and names of its shards follow from it. */
const slotSchema = z.strictObject({
  datasetId: bytes32Schema,
  version: z.number().int().min(1),
  keyEpoch: z.number().int().min(1),
});
export type DatasetSlot = z.infer<typeof slotSchema>;

/** A shard that was encrypted and whose bytes a provider took. */
const sentSchema = pieceSchema.omit({ wrappedKey: true });
export type SentPiece = z.infer<typeof sentSchema>;

/** All pieces are sent and the version's key is wrapped: from here on the seller's file is not needed again. */
const sealedSchema = z.strictObject({
  keyId: bytes32Schema,
  columns: z.array(columnSchema),
  rowCount: z.number().int().positive(),
  frameBytes: z.number().int().positive(),
  pieces: z.array(pieceSchema).min(1),
  wrappedKey: wrappedKeySchema,
});
export type Sealed = z.infer<typeof sealedSchema>;

const offeredSchema = z.strictObject({
  offer: offerJson,
  signature: hexBytesSchema,
  listedAt: z.iso.datetime(),
  /** Set once the offer stands on chain. */
  transaction: hexBytesSchema.optional(),
});
export type Offered = z.infer<typeof offeredSchema>;

/** How far one `publish` came. No key is in it but wrapped ones. */
const journalSchema = z.strictObject({
  version: z.literal(2),
  /** The file, whatever it is listed as: see `rowsOf`. */
  rows: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  slot: slotSchema.optional(),
  /** Shards whose sending began: a run that was killed may have ended before it could note the piece. */
  begun: z.array(bytes32Schema).optional(),
  sent: z.array(sentSchema).optional(),
  sealed: sealedSchema.optional(),
  /** Where the chain lists every piece. */
  copies: z
    .array(z.strictObject({ providerId: z.number().int(), dataSetId: z.number().int() }))
    .min(1)
    .optional(),
  offered: offeredSchema.optional(),
  listed: z.strictObject({ id: bytes32Schema, logIndex: z.number().int().min(0) }).optional(),
});
export type Journal = z.infer<typeof journalSchema>;

/** The journal of one `publish`, read once and then kept in step with its file. */
export interface JournalFile {
  readonly dir: string;
  /** What is known so far. */
  now(): Journal;
  /** Notes what has just been done. Durable when it returns; notes that are made at the same time do not lose each other. */
  note(done: Partial<Journal>): Promise<void>;
}

export async function journalIn(dir: string): Promise<JournalFile> {
  const file = path.join(dir, 'journal.json');
  let journal: Journal = (await readJson(file, journalSchema)) ?? { version: 2 };
  let written: Promise<void> = Promise.resolve();
  return {
    dir,
    now: () => journal,
    note: async (done) => {
      journal = { ...journal, ...done };
      written = written.then(async () => writeJsonAtomic(file, journal));
      await written;
    },
  };
}
