import { z } from 'zod';
import {
  addressSchema,
  bytes32Schema,
  canonicalJson,
  hexText,
  licenceJson,
  offerJson,
  orderJson,
  shareJson,
  utf8,
  WeighbridgeError,
} from '../../kernel/index.js';
import { decodeUtf8, parseCanonicalJson } from './canonical.js';

/**
 * `receipt.json`, version 1: canonical JSON and one newline. Every field outside `records` is there to be read by people
 * and programs, and every one is compared with a signed record, so none can be changed alone. Nothing is in a receipt
 * that nobody signed: facts of the chain are for `--online`.
 */

const recordSchema = z.strictObject({
  /** The log entry, header line and DSSE envelope, base64. */
  entry: z.base64().max(90_000).describe('The log entry, header line and DSSE envelope, as base64'),
  /** C2SP tlog-proof: index, inclusion path, signed checkpoint. */
  proof: z.string().max(20_000).describe('C2SP tlog-proof of the entry: index, path, signed checkpoint'),
});

/** The records of a receipt, in the order in which the log must hold them. */
export const RECEIPT_RECORDS = [
  'dataset-listed',
  'licence-issued',
  'access-granted',
  'training-completed',
  'job-settled',
] as const;
export type ReceiptRecord = (typeof RECEIPT_RECORDS)[number];

export const receiptSchema = z.strictObject({
  format: z.literal('weighbridge-receipt/v1'),
  network: z.strictObject({
    chainId: z.number().int().positive(),
    marketplace: addressSchema.describe('Marketplace contract, checksummed'),
    logOrigin: z.string().describe('C2SP origin line of the log'),
  }),
  dataset: z.strictObject({
    keyId: bytes32Schema,
    manifestDigest: bytes32Schema,
    termsDigest: bytes32Schema,
    pieces: z.array(z.strictObject({ pieceCid: z.string(), sizeBytes: z.number().int().positive() })).min(1),
    offer: offerJson.describe('What the seller signed'),
  }),
  licence: z.strictObject({
    licenceId: bytes32Schema,
    licence: licenceJson.describe('What the buyer signed, under its pseudonym for this dataset'),
    // No record binds it, so it has one spelling: lower case, the smaller s, v of 27 or 28.
    pseudonymSignature: hexText(/^0x[0-9a-f]{64}[0-7][0-9a-f]{63}1[bc]$/, 'a signature in its one spelling').describe(
      'EIP-712 Pseudonym, by the order’s buyer: the licence’s buyer is itself',
    ),
  }),
  order: z.strictObject({
    orderId: bytes32Schema,
    order: orderJson.describe('What was paid for; its digest is the order id'),
  }),
  access: z.strictObject({ operator: addressSchema, worker: addressSchema, grantedAt: z.string() }),
  training: z.strictObject({
    weightsDigest: bytes32Schema.describe('SHA-256 of the plaintext safetensors file'),
    ciphertextDigest: bytes32Schema.describe('SHA-256 of the age file'),
    epochs: z.number().int().positive(),
    privacy: z.union([z.literal('none'), z.strictObject({ epsilon: z.number(), delta: z.number() })]),
    attested: z.boolean().describe('Whether the node ran in attested confidential hardware'),
    finishedAt: z.string(),
  }),
  settlement: z.strictObject({ transaction: bytes32Schema, payouts: z.array(shareJson), settledAt: z.string() }),
  model: z
    .record(z.string(), z.unknown())
    .describe('The model declaration; SHA-256 of its canonical JSON is jobDigest'),
  records: z.strictObject({
    'dataset-listed': recordSchema,
    'licence-issued': recordSchema,
    'access-granted': recordSchema,
    'training-completed': recordSchema,
    'job-settled': recordSchema,
  }),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** Larger than any honest receipt: five entries at their limit, and a model declaration. */
export const MAX_RECEIPT_BYTES = 4 * 1024 * 1024;

/**
 * Reads a receipt whose bytes are the canonical ones, which is what makes each character count.
 * @throws WeighbridgeError RECEIPT_INVALID, with `details.code` NOT_CANONICAL or BAD_FORMAT
 */
export function parseReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > MAX_RECEIPT_BYTES) throw invalid('BAD_FORMAT', `${bytes.length} bytes are too many`);
  const text = wrap('NOT_CANONICAL', () => decodeUtf8(bytes));
  if (!text.endsWith('\n')) throw invalid('NOT_CANONICAL', 'the file does not end with one newline');
  const json = wrap('NOT_CANONICAL', () => parseCanonicalJson(text.slice(0, -1)));
  const result = receiptSchema.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid('BAD_FORMAT', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  // What the schema understood is all that there is: nothing may ride along unseen.
  if (`${canonicalJson(result.data)}\n` !== text) throw invalid('BAD_FORMAT', 'it holds more than the format has');
  return result.data;
}

/** The bytes of a receipt file. */
export function formatReceipt(receipt: Receipt): Uint8Array {
  return utf8(`${canonicalJson(receipt)}\n`);
}

function wrap<T>(code: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(code, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function invalid(code: string, detail: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('RECEIPT_INVALID', `not a receipt: ${detail}`, {
    next: 'Get the receipt again from who gave it to you; do not edit or reformat it.',
    details: { code },
    cause,
  });
}
