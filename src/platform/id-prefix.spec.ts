import { describe, expect, it } from 'vitest';
import { idRange } from './id-prefix.js';

describe('idRange', () => {
  it('spans every id that begins so, and no other', () => {
    expect(idRange('0xABCDEF01')).toEqual({ low: `0xabcdef01${'0'.repeat(56)}`, high: `0xabcdef01${'f'.repeat(56)}` });
    const whole = `0x${'5a'.repeat(32)}`;
    expect(idRange(whole)).toEqual({ low: whole, high: whole });
    expect(idRange(` ${whole.slice(2)} `)).toEqual({ low: whole, high: whole });
  });

  it.each(['', '0x', 'abcdef0', '0xabcdefg1', `0x${'a'.repeat(65)}`, 'abcd ef01', "12345678' OR 1=1"])(
    'refuses %j',
    (text) => {
      expect(() => idRange(text)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    },
  );
});
