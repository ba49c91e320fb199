import path from 'node:path';
import { z } from 'zod';
import { columnSchema, pieceSchema, wrappedKeySchema } from '../../catalog/manifest.js';
import { offerJson } from '../../kernel/index.js';
import { readJson, writeJsonAtomic } from '../state/atomic-file.js';

const bytes32 = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform((s) => s as `0x${string}`);
const hex = z
  .string()
  .regex(/^0x[0-9a-f]*$/)
  .transform((s) => s as `0x${string}`);

/** All ciphertext is on this disk and the data key is wrapped: from here on nothing needs the seller's file again. */
const sealedSchema = z.strictObject({
  datasetId: bytes32,
  datasetVersion: z.number().int().min(1),
  keyId: bytes32,
  columns: z.array(columnSchema),
  rowCount: z.number().int().positive(),
  chunkBytes: z.number().int().positive(),
  pieces: z.array(pieceSchema.extend({ file: z.string(), uploaded: z.boolean() })).min(1),
  wrappedKey: wrappedKeySchema,
});
export type Sealed = z.infer<typeof sealedSchema>;

const offeredSchema = z.strictObject({
  offer: offerJson,
  signature: hex,
  listedAt: z.iso.datetime(),
  /** Set once the offer stands on chain. */
  transaction: hex.optional(),
});
export type Offered = z.infer<typeof offeredSchema>;

/** How far one `publish` came. The data key is not in it, nor anywhere else on the disk. */
const journalSchema = z.strictObject({
  version: z.literal(1),
  sealed: sealedSchema.optional(),
  offered: offeredSchema.optional(),
  listed: z.strictObject({ id: bytes32, logIndex: z.number().int().min(0) }).optional(),
});
export type Journal = z.infer<typeof journalSchema>;

export interface JournalFile {
  readonly dir: string;
  read(): Promise<Journal>;
  /** Durable when it returns. */
  write(journal: Journal): Promise<void>;
}

export function journalIn(dir: string): JournalFile {
  const file = path.join(dir, 'journal.json');
  return {
    dir,
    read: async () => (await readJson(file, journalSchema)) ?? { version: 1 },
    write: async (journal) => writeJsonAtomic(file, journal),
  };
}
