import { WeighbridgeError } from './errors.js';

/** USDFC has 18 decimals; every amount in the code is a `bigint` of its smallest unit, named `...Wei`. */
export const TOKEN_DECIMALS = 18;

/**
 * Reads a price as a person writes it ("5", "0.25").
 * @throws WeighbridgeError BAD_PRICE for anything but a non-negative decimal with at most 18 decimals below 2^127.
 */
export function parsePriceWei(text: string): bigint {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text.trim());
  if (!match) {
    throw new WeighbridgeError('BAD_PRICE', `"${text}" is not a price`, {
      next: 'Give a decimal number of USDFC that is zero or more, such as 5 or 0.25.',
    });
  }
  const [, whole = '0', fraction = ''] = match;
  if (fraction.length > TOKEN_DECIMALS) {
    throw new WeighbridgeError('BAD_PRICE', `"${text}" has ${fraction.length} decimals, USDFC has ${TOKEN_DECIMALS}`, {
      next: `Give at most ${TOKEN_DECIMALS} decimals.`,
    });
  }
  const wei = BigInt(whole) * 10n ** BigInt(TOKEN_DECIMALS) + BigInt(fraction.padEnd(TOKEN_DECIMALS, '0'));
  if (wei >= 1n << 127n) {
    throw new WeighbridgeError('BAD_PRICE', `"${text}" is more than the token can hold`, {
      next: 'Give a lower price.',
    });
  }
  return wei;
}

/** Writes an amount the way a person reads it: "5", "0.25". */
export function formatWei(wei: bigint): string {
  const sign = wei < 0n ? '-' : '';
  const digits = (wei < 0n ? -wei : wei).toString().padStart(TOKEN_DECIMALS + 1, '0');
  const whole = digits.slice(0, -TOKEN_DECIMALS);
  const fraction = digits.slice(-TOKEN_DECIMALS).replace(/0+$/, '');
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}
