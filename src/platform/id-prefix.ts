import { WeighbridgeError, type Bytes32 } from '../kernel/index.js';

const MIN_PREFIX_DIGITS = 8;
const DIGITS = 64;

/**
 * The first and the last 32-byte id that begin with a prefix, so that a database finds them by its primary key.
 * @param prefix - 8 to 64 hex digits, with or without `0x`
 * @throws WeighbridgeError BAD_INPUT
 */
export function idRange(prefix: string): { low: Bytes32; high: Bytes32 } {
  const digits = /^(?:0x)?([0-9a-fA-F]{1,64})$/.exec(prefix.trim())?.[1]?.toLowerCase();
  if (digits === undefined || digits.length < MIN_PREFIX_DIGITS) {
    throw new WeighbridgeError('BAD_INPUT', `id: not ${MIN_PREFIX_DIGITS} to ${DIGITS} hex digits`, {
      next: `Give the id, or at least its first ${MIN_PREFIX_DIGITS} digits.`,
    });
  }
  return { low: `0x${digits.padEnd(DIGITS, '0')}`, high: `0x${digits.padEnd(DIGITS, 'f')}` };
}
