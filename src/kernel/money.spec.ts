import { describe, expect, it } from 'vitest';
import { formatWei, parsePriceWei } from './money.js';

describe('parsePriceWei', () => {
  it.each([
    ['5', 5n * 10n ** 18n],
    ['0', 0n],
    ['0.25', 25n * 10n ** 16n],
    ['0.000000000000000001', 1n],
  ])('reads %s', (text, wei) => {
    expect(parsePriceWei(text)).toBe(wei);
  });

  it.each(['-1', '', '1e3', '0.0000000000000000001', 'five', '1.', '.5', '1'.repeat(40)])('refuses "%s"', (text) => {
    expect(() => parsePriceWei(text)).toThrow(expect.objectContaining({ code: 'BAD_PRICE' }));
  });
});

describe('formatWei', () => {
  it('is the inverse of parsePriceWei', () => {
    for (const text of ['0', '5', '0.25', '123.000000000000000001']) expect(formatWei(parsePriceWei(text))).toBe(text);
    expect(formatWei(-5n)).toBe('-0.000000000000000005');
  });
});
