import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FUZZ_TIMEOUT_MS, fuzzRuns } from '../../../test/support/fuzz.js';
import { canonicalJson } from '../../kernel/index.js';
import { parseCanonicalJson } from './canonical.js';

describe('canonical JSON', () => {
  it('is read back, whatever it holds', { timeout: FUZZ_TIMEOUT_MS }, () => {
    const anyJson = fc.jsonValue({ stringUnit: 'grapheme' }).map(canonicalJson);
    const property = fc.property(
      anyJson.filter((text) => !text.includes('__proto__')),
      (text) => {
        expect(parseCanonicalJson(text)).toEqual(JSON.parse(text));
      },
    );
    fc.assert(property, { numRuns: fuzzRuns(200) });
  });

  it('has the keys that JavaScript keeps in the order of numbers in that of text', () => {
    expect(parseCanonicalJson('{"10":1,"9":2}')).toEqual({ 9: 2, 10: 1 });
  });

  it.each([
    ['keys out of order', '{"b":1,"a":2}'],
    ['keys out of order in a list', '[{"b":1,"a":2}]'],
    ['keys out of order within', '{"a":{"c":1,"b":2}}'],
    ['keys in the order of numbers', '{"9":1,"10":2}'],
    ['a key twice', '{"a":1,"a":1}'],
    ['a space', '{"a": 1}'],
    ['a newline', '{"a":1}\n'],
    ['a byte order mark', '\ufeff{"a":1}'],
    ['another spelling of a number', '{"a":1.0}'],
    ['an exponent', '{"a":1e3}'],
    ['minus zero', '{"a":-0}'],
    ['a number that no double is', '{"a":9007199254740993}'],
    ['an escape that need not be one', '{"a":"\\u0062"}'],
    ['an escaped slash', '{"a":"\\/"}'],
    ['half a surrogate pair', '{"a":"\\ud83d"}'],
    ['a key that validators drop', '{"__proto__":1,"a":2}'],
    ['that key within', '{"a":[{"__proto__":{}}]}'],
    ['no JSON', '{a:1}'],
    ['nothing', ''],
    ['nesting without end', '['.repeat(100_000)],
    ['nesting that ends', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ])('has not %s', (_what, text) => {
    expect(() => parseCanonicalJson(text)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});
