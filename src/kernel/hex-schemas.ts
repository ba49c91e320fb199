import { z } from 'zod';
import type { Hex } from './bytes.js';

/** Hex as it stands in JSON: each value in one spelling, so that equal values are equal texts. */
export const bytes32Schema = hexText(/^0x[0-9a-f]{64}$/, '0x and 64 lower-case hex digits');
/** Any capitals: where they must be the checksum's, whoever hashes the address sees to it. */
export const addressSchema = hexText(/^0x[0-9a-fA-F]{40}$/, 'an EVM address');
export const hexBytesSchema = hexText(/^0x([0-9a-f]{2})*$/, '0x and whole bytes in lower-case hex');

/**
 * A text of this form, typed as hex. A plain string schema to zod: no transform runs for each value, and a JSON Schema made of it
 * keeps the pattern.
 */
export function hexText(form: RegExp, what: string, maxChars?: number): z.ZodType<Hex, string> {
  const text = z.string().regex(form, what);
  return (maxChars === undefined ? text : text.max(maxChars)) as z.ZodType<string> as z.ZodType<Hex, string>;
}
