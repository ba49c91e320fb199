import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../kernel/index.js';
import { readSafetensors, SafetensorsError, safetensorsLayout, writeSafetensors } from './safetensors.js';

const tensors = [
  { name: 'net.0.weight', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 4, 5, 6) },
  { name: 'net.0.bias', shape: [2], data: Float32Array.of(0.25, -0) },
  { name: '10', shape: [], data: Float32Array.of(7) },
  { name: '9', shape: [1], data: Float32Array.of(8) },
];

/** A file with this header text and this many zero bytes of data. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const padded = utf8(header.padEnd(Math.ceil(header.length / 8) * 8, ' '));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  return concatBytes(length, padded, new Uint8Array(dataBytes));
}

function ruleOf(bytes: Uint8Array, maxBytes = 1 << 20): string {
  try {
    readSafetensors(bytes, { maxBytes });
  } catch (error) {
    if (error instanceof SafetensorsError) return error.rule;
    throw error;
  }
  return 'accepted';
}

describe('safetensors', () => {
  it('reads what it wrote, names ascending', () => {
    const read = readSafetensors(writeSafetensors(tensors), { maxBytes: 1 << 20 });
    expect(read.map((t) => t.name)).toEqual(['10', '9', 'net.0.bias', 'net.0.weight']);
    expect(read[3]).toEqual(tensors[0]);
    expect(Object.is(read[2]?.data[1], -0)).toBe(true);
  });

  it('reads a Buffer that is part of a larger one, at any alignment', () => {
    const bytes = writeSafetensors(tensors);
    const pool = Buffer.alloc(bytes.length + 64, 0xff);
    pool.set(bytes, 13);
    const read = readSafetensors(pool.subarray(13, 13 + bytes.length), { maxBytes: 1 << 20 });
    pool.fill(0xff);
    expect(read[3]).toEqual(tensors[0]);
  });

  it('writes the bytes of the reference writer', () => {
    // safetensors 0.6.2, save({"b": zeros(1), "a": [[1, 2]]}) in float32.
    const header =
      '{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}';
    const written = writeSafetensors([
      { name: 'b', shape: [1], data: Float32Array.of(0) },
      { name: 'a', shape: [1, 2], data: Float32Array.of(1, 2) },
    ]);
    expect(written.subarray(0, fileOf(header, 0).length)).toEqual(fileOf(header, 0));
  });

  it('says where each tensor stands in the file', () => {
    const bytes = writeSafetensors(tensors);
    const layout = safetensorsLayout(new Map(tensors.map((t) => [t.name, t.shape])));
    const weight = layout.tensors.find((t) => t.name === 'net.0.weight');
    expect(layout.totalBytes).toBe(bytes.length);
    expect(new DataView(bytes.buffer).getFloat32((weight?.offset ?? 0) + 8, true)).toBe(3.5);
  });

  const good = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  it.each([
    ['empty file', new Uint8Array(0), 'header-size'],
    ['shorter than its length field', new Uint8Array(7), 'header-size'],
    ['header longer than the file', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123, 125), 'header-size'],
    ['header length near 2^64', new Uint8Array(16).fill(255), 'header-size'],
    ['no JSON', fileOf('{"a":', 8), 'header-json'],
    ['a list', fileOf('[]', 0), 'header-json'],
    [
      'bytes that are not UTF-8',
      concatBytes(fileOf(good, 8).subarray(0, 10), Uint8Array.of(255), fileOf(good, 8).subarray(11)),
      'header-json',
    ],
    [
      'metadata',
      fileOf('{"__metadata__":{"row":"7"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
      'metadata',
    ],
    ['a name with an escape', fileOf(good.replace('"a"', String.raw`"\u0061\u0000"`), 8), 'tensor-name'],
    ['a name with an escape of a plain letter', fileOf(good.replace('"a"', String.raw`"\u0061"`), 8), 'header-layout'],
    ['64-bit integers', fileOf('{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}', 8), 'tensor-type'],
    ['a negative size', fileOf(good.replace('[2]', '[-2]'), 8), 'tensor-shape'],
    ['a size of zero', fileOf('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}', 0), 'tensor-shape'],
    ['a shape whose product overflows', fileOf(good.replace('[2]', '[4294967296,4294967296]'), 8), 'tensor-shape'],
    ['no shape', fileOf(good.replace('"shape":[2],', ''), 8), 'tensor-shape'],
    ['a gap', fileOf(good.replace('[0,8]', '[4,12]'), 12), 'offsets'],
    [
      'an overlap',
      fileOf(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
        12,
      ),
      'offsets',
    ],
    ['a tensor that is shorter than its shape', fileOf(good.replace('[0,8]', '[0,4]'), 8), 'offsets'],
    ['data cut short', fileOf(good, 7), 'offsets'],
    ['trailing bytes', fileOf(good, 9), 'trailing-bytes'],
    ['space in the header', fileOf(good.replace(':', ': '), 8), 'header-layout'],
    ['padding beyond the next multiple of eight', fileOf(good + ' '.repeat(16), 8), 'header-layout'],
    ['a number spelt otherwise', fileOf(good.replace('[2]', '[2.0]'), 8), 'header-layout'],
    [
      'a key twice',
      fileOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},${good.slice(1)}`, 8),
      'header-layout',
    ],
    ['a key beside those of the format', fileOf(good.replace('}}', ',"x":1}}'), 8), 'header-layout'],
    [
      'names in descending order',
      fileOf(
        '{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        8,
      ),
      'header-layout',
    ],
    [
      'data in another order than the names',
      fileOf(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        8,
      ),
      'offsets',
    ],
  ])('refuses %s', (_name, bytes, rule) => {
    expect(ruleOf(bytes)).toBe(rule);
  });

  it('refuses a file over its cap before it reads it', () => {
    expect(ruleOf(fileOf(good, 8), 10)).toBe('too-large');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses %s among the values', (value) => {
    expect(ruleOf(writeSafetensors([{ name: 'a', shape: [2], data: Float32Array.of(1, value) }]))).toBe('not-finite');
  });

  it('refuses more tensors than a model has, read or written', () => {
    // In the order of their names, as the reader wants their offsets.
    const names = Array.from({ length: 10_001 }, (_, i) => `t${String(i).padStart(5, '0')}`);
    const entries = names.map(
      (name, i) => `"${name}":{"dtype":"F32","shape":[1],"data_offsets":[${4 * i},${4 * i + 4}]}`,
    );
    expect(ruleOf(fileOf(`{${entries.join(',')}}`, 4 * names.length), 1 << 21)).toBe('tensor-count');
    const shapes = new Map(names.map((name) => [name, [1]]));
    expect(() => safetensorsLayout(shapes)).toThrow(expect.objectContaining({ rule: 'tensor-count' }));
  });

  it('does not write what it would refuse', () => {
    expect(() => writeSafetensors([{ name: 'a"b', shape: [1], data: Float32Array.of(1) }])).toThrow(SafetensorsError);
    expect(() => writeSafetensors([{ name: 'a', shape: [2], data: Float32Array.of(1) }])).toThrow(SafetensorsError);
  });
});
