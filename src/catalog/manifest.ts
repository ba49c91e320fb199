import { z } from 'zod';
import { addressSchema, bytes32Schema, epsilonMicrosOf, parsePriceWei } from '../kernel/index.js';

/**
 * The public description of one dataset version, content-addressed: `manifestDigest` in the seller's offer is SHA-256 of
 * its canonical JSON. It names ciphertext only. Nothing in it may be computed from row values but the row count:
 * ranges and vocabularies are what the seller DECLARED, whether true or not.
 */

export const columnSchema = z.strictObject({
  name: z.string().min(1).max(128),
  /** `tensor`: a list of numbers, of one length in every row. `image`: the bytes of a PNG or JPEG. */
  type: z.enum(['number', 'integer', 'boolean', 'string', 'tensor', 'image']),
  /** Of a tensor, as the seller declares it; the numbers of a row fill it row-major. */
  shape: z.array(z.number().int().positive()).min(1).max(4).optional(),
  /** Declared by the seller; recipes scale by it. */
  range: z.strictObject({ min: z.number(), max: z.number() }).optional(),
  /** Declared by the seller; recipes encode by it. */
  vocabulary: z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .max(4096)
    .optional(),
});
export type Column = z.infer<typeof columnSchema>;

export const pieceSchema = z.strictObject({
  pieceCid: z.string().min(1),
  /** Ciphertext bytes, header included. */
  sizeBytes: z.number().int().positive(),
  rowCount: z.number().int().positive(),
  /** Names the shard and its key; it is in the piece's header too. */
  shardId: bytes32Schema,
  /** The shard's key, wrapped for this version and this place in the list by the version's key: 40 bytes, hex. */
  wrappedKey: z.string().regex(/^[0-9a-f]{80}$/),
  /** Held out of training: these rows are read for a metric and for nothing else. Such pieces stand last. */
  holdout: z.literal(true).optional(),
});
export type Piece = z.infer<typeof pieceSchema>;

/** Names a shard through all versions that it stays in. */
export function shardIdOf(piece: Pick<Piece, 'shardId'>): string {
  return piece.shardId;
}

/** Pieces whose rows train: a run that buys no metric is sent no others. */
export function trainingPieces<P extends Pick<Piece, 'holdout'>>(pieces: readonly P[]): P[] {
  return pieces.filter(({ holdout }) => holdout !== true);
}

/** Whether a column's values can name whom its rows belong to: a list or an image is nobody's name. */
export function namesUnits(columns: readonly Pick<Column, 'name' | 'type'>[], unit: string): boolean {
  return columns.some(({ name, type }) => name === unit && type !== 'tensor' && type !== 'image');
}

/** Rows that no run trains on. */
export function heldOutRows(pieces: readonly Pick<Piece, 'holdout' | 'rowCount'>[]): number {
  return pieces.reduce((sum, { holdout, rowCount }) => (holdout === true ? sum + rowCount : sum), 0);
}

/** What Lit's encrypt gave for the data key, and the one condition under which key nodes release it. */
export const wrappedKeySchema = z.strictObject({
  scheme: z.literal('lit-bls12381-v1'),
  /** Base64, from lit-node-client. */
  ciphertext: z.string(),
  /** SHA-256 of the data key (32 random bytes: nothing to guess), hex. */
  dataToEncryptHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The contract view `canRelease(keyId, :userAddress)` on this chain and contract. */
  condition: z.strictObject({
    chainId: z.number().int().positive(),
    marketplace: addressSchema,
    keyId: bytes32Schema,
  }),
});
export type WrappedKey = z.infer<typeof wrappedKeySchema>;

export const manifestSchema = z.strictObject({
  version: z.literal(1),
  datasetId: bytes32Schema,
  datasetVersion: z.number().int().min(1),
  keyId: bytes32Schema,
  title: z.string().min(1).max(200),
  description: z.string().max(10_000),
  tags: z.array(z.string().min(1).max(40)).max(20),
  /** Rows that train; those of pieces that are held out come on top. */
  rowCount: z.number().int().positive(),
  /** In file order. */
  columns: z.array(columnSchema).min(1).max(4096),
  /** Name of the label column, if the dataset has one. */
  label: z.string().optional(),
  encryption: z.strictObject({
    /** docs/envelope.md. */
    scheme: z.literal('weighbridge-envelope-v1'),
    /** Plaintext bytes a frame. */
    frameBytes: z.number().int().positive(),
  }),
  format: z.literal('parquet'),
  pieces: z.array(pieceSchema).min(1),
  wrappedKey: wrappedKeySchema,
});
export type Manifest = z.infer<typeof manifestSchema>;

/** USDFC as a person writes it. */
const price = z.string().regex(/^\d{1,20}(\.\d{1,18})?$/, 'a decimal number of USDFC');

/**
 * What may be learned of the rows. The budget is of each shard, over all buyers and all versions that it stays in; it counts
 * private runs. Training without privacy has no bound: it is refused unless these terms allow it.
 */
export const privacyTermsSchema = z.strictObject({
  budget: z
    .strictObject({
      epsilon: z.number().positive().max(1000),
      delta: z.number().positive().max(0.01),
      maxEpsilonPerJob: z.number().min(0.01).max(1000),
      pricePerEpsilon: price,
      /** Whose rows are protected together: the column that names them, a patient say. Default: each row by itself. */
      unitColumn: z.string().min(1).max(128).optional(),
    })
    .optional(),
  trainingWithoutPrivacy: z.boolean().optional(),
  /** Share of the rows that no run trains on: private runs may buy a noised metric over them, out of the budget. */
  holdout: z.number().min(0.01).max(0.5).optional(),
});
export type PrivacyTerms = z.infer<typeof privacyTermsSchema>;

/** What the seller's offer says of the terms' privacy, as contracts compute with it. */
export function privacyPricesOf({ budget }: PrivacyTerms): { pricePerEpsilon: bigint; maxEpsilonMicros: bigint } {
  if (budget === undefined) return { pricePerEpsilon: 0n, maxEpsilonMicros: 0n };
  return {
    pricePerEpsilon: parsePriceWei(budget.pricePerEpsilon),
    maxEpsilonMicros: epsilonMicrosOf(budget.maxEpsilonPerJob),
  };
}

/** The licence terms that a seller states; `termsDigest` is SHA-256 of its canonical JSON. */
export const termsSchema = z.strictObject({
  version: z.literal(1),
  title: z.string().min(1).max(200),
  text: z.string().min(1).max(50_000),
  /** Purposes that the seller allows, in words a buyer picks from. */
  purposes: z.array(z.string().min(1).max(200)).min(1).max(50),
  /** How long a licence lasts. */
  licenceDays: z.number().int().min(1).max(3650),
  /** The seller was told that columns look like personal data, and lists them all the same. */
  personalData: z.literal(true).optional(),
  privacy: privacyTermsSchema,
});
export type Terms = z.infer<typeof termsSchema>;
