import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../kernel/index.js';
import { bytesField, floatField, intField, packedField, readFields, readPacked, textField, WireError } from './wire.js';

describe('protobuf wire format', () => {
  it('writes the examples of the protobuf documentation', () => {
    expect([...intField(1, 150)]).toEqual([0x08, 0x96, 0x01]);
    expect([...textField(2, 'testing')]).toEqual([0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
    expect([...packedField(6, [3, 270, 86942])]).toEqual([0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
    expect([...intField(1, -2)]).toEqual([0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  });

  it('reads what it wrote', () => {
    const bytes = concatBytes(intField(1, -1), floatField(2, 0.5), bytesField(300, Uint8Array.of(9)));
    expect([...readFields(bytes)]).toEqual([
      { number: 1, kind: 'varint', value: 2n ** 64n - 1n },
      { number: 2, kind: 'float', value: 0.5 },
      { number: 300, kind: 'bytes', value: Uint8Array.of(9) },
    ]);
    const [packed] = [...readFields(packedField(1, [-1, 300]))];
    expect(packed?.kind === 'bytes' && readPacked(packed.value)).toEqual([-1n, 300n]);
  });

  it.each([
    ['a cut number', [0x08, 0x96]],
    ['a number of eleven bytes', [0x08, ...Array.from({ length: 10 }, () => 0x80), 1]],
    ['a number of more than 64 bits', [0x08, ...Array.from({ length: 9 }, () => 0xff), 0x02]],
    ['a length beyond the message', [0x12, 0x05, 1]],
    ['a length of 2^60', [0x12, ...Array.from({ length: 8 }, () => 0xff), 0x0f]],
    ['a cut float', [0x15, 1, 2]],
    ['a group', [0x0b]],
    ['a 64-bit float', [0x09, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])('refuses %s', (_name, bytes) => {
    expect(() => [...readFields(Uint8Array.from(bytes))]).toThrow(WireError);
  });
});
