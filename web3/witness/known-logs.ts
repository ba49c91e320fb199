import { z } from 'zod';
import type { Address, Deployed } from '../../src/kernel/index.js';
import { parseVerifierKey, type VerifierKey } from '../../src/provenance/witness/index.js';

/** A log that this witness watches. */
export interface KnownLog {
  origin: string;
  /** Any of them may have signed: after a key was rotated, the old one until it is taken out here. */
  keys: VerifierKey[];
  /** The contract that the log's checkpoints are signed for besides, if it has one. */
  anchor?: Deployed;
}

export type KnownLogs = ReadonlyMap<string, KnownLog>;

const vkey = z.string().transform((text, context) => {
  try {
    const key = parseVerifierKey(text);
    if (key.type === 'ed25519') return key;
  } catch {
    // Refused below.
  }
  context.addIssue('not the vkey of an Ed25519 key, name+hash+base64');
  return z.NEVER;
});
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address')
  .transform((text) => text as Address);

const logsSchema = z
  .array(
    z.strictObject({
      origin: z.string().min(1).max(255),
      vkeys: z.array(vkey).min(1),
      anchor: z.strictObject({ chainId: z.number().int().positive(), contract: address }).optional(),
    }),
  )
  .refine((logs) => new Set(logs.map(({ origin }) => origin)).size === logs.length, 'an origin stands there twice');

/** Reads WITNESS_LOGS_FILE. @throws z.ZodError, SyntaxError */
export function parseLogs(text: string): KnownLogs {
  const logs = logsSchema.parse(JSON.parse(text));
  return new Map(
    logs.map(({ origin, vkeys, anchor }) => [
      origin,
      { origin, keys: vkeys, ...(anchor === undefined ? {} : { anchor }) },
    ]),
  );
}
