import { parseValue } from 'graphql';
import { describe, expect, it } from 'vitest';
import { AddressScalar, BigIntScalar, Bytes32Scalar, JsonScalar } from './scalars.js';

const ADDRESS = '0x52908400098527886E0F7030069857D2E4169EE7';

describe('scalars', () => {
  it('takes bytes and addresses in any case, and keeps one', () => {
    const word = `0x${'Ab'.repeat(32)}`;
    expect(Bytes32Scalar.parseValue(word)).toBe(word.toLowerCase());
    expect(Bytes32Scalar.parseLiteral(parseValue(`"${word}"`))).toBe(word.toLowerCase());
    expect(AddressScalar.parseValue(ADDRESS)).toBe(ADDRESS.toLowerCase());
    expect(AddressScalar.parseValue(ADDRESS.toLowerCase())).toBe(ADDRESS.toLowerCase());
    expect(AddressScalar.serialize(ADDRESS.toLowerCase())).toBe(ADDRESS);
  });

  it.each([
    [Bytes32Scalar, '0x12'],
    [Bytes32Scalar, `0x${'g'.repeat(64)}`],
    [Bytes32Scalar, 5],
    [Bytes32Scalar, null],
    [AddressScalar, '0x1234'],
    [AddressScalar, ADDRESS.replace('E7', 'e7')],
    [BigIntScalar, '1.5'],
    [BigIntScalar, '1e18'],
    [BigIntScalar, ''],
    [BigIntScalar, '9'.repeat(79)],
    [BigIntScalar, {}],
  ])('%s refuses %j', (scalar, value) => {
    expect(() => scalar.parseValue(value)).toThrow(scalar.name);
  });

  it('carries money to the last unit', () => {
    const wei = 2n ** 127n - 1n;
    expect(BigIntScalar.serialize(wei)).toBe(wei.toString());
    expect(BigIntScalar.parseValue(wei.toString())).toBe(wei);
    expect(BigIntScalar.parseLiteral(parseValue('-5'))).toBe(-5n);
  });

  it('carries JSON as it is, written out or in a variable', () => {
    const literal = parseValue('{ a: [1, "x", null, { b: true }] }');
    expect(JsonScalar.parseLiteral(literal)).toEqual({ a: [1, 'x', null, { b: true }] });
    expect(JsonScalar.parseValue({ a: 1 })).toEqual({ a: 1 });
  });
});
