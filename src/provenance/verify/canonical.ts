import { canonicalJson, WeighbridgeError } from '../../kernel/index.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 to text; a byte order mark stays a character, a malformed sequence is refused. @throws WeighbridgeError BAD_INPUT */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new WeighbridgeError('BAD_INPUT', 'not UTF-8', { next: 'Give the file as it was written.', cause });
  }
}

/**
 * Reads JSON that must be in RFC 8785 form, so that equal content means equal bytes: a duplicate key, a space, another
 * spelling of a number or an escape that need not be one are all refused.
 * @throws WeighbridgeError BAD_INPUT
 */
export function parseCanonicalJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    // Some validators drop this key without a word, and then it would be in the bytes but checked by nobody. In canonical
    // form it has this one spelling, and within a string the quotes would be escaped.
    if (text.includes('"__proto__":')) throw new SyntaxError('__proto__ is no key here');
    if (isCanonical(value, text)) return value;
  } catch (cause) {
    // Nesting that exhausts the stack ends here too, as a RangeError.
    throw new WeighbridgeError('BAD_INPUT', 'not JSON', { next: 'Give the file as it was written.', cause });
  }
  throw new WeighbridgeError('BAD_INPUT', 'JSON, but not in canonical form (RFC 8785)', {
    next: 'Give the bytes as they were written: no reformatting, no other order of keys.',
  });
}

/**
 * As `canonicalJson(value) === text`, three times as fast for what is in order. RFC 8785 is `JSON.stringify` with the keys sorted
 * and lone surrogates refused; those come from an escape.
 */
function isCanonical(value: unknown, text: string): boolean {
  if (!text.includes(String.raw`\ud`) && JSON.stringify(value) === text && isSorted(value)) return true;
  return canonicalJson(value) === text;
}

/** Whether every object's keys are in the order of their UTF-16 units. */
function isSorted(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isSorted);
  let before: string | undefined;
  for (const [key, member] of Object.entries(value)) {
    if ((before !== undefined && key <= before) || !isSorted(member)) return false;
    before = key;
  }
  return true;
}
