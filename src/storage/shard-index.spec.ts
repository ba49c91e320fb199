import { expect, it } from 'vitest';
import { encodePieceHeader, type PieceHeader } from './header.js';
import { encodeLayout, openIndex, sealIndex, type ShardLayout } from './shard-index.js';

// Real: the cipher. An index of a seller who wrote what no shard has.
const key = new Uint8Array(32).fill(1);
const header: PieceHeader = {
  datasetId: `0x${'0d'.repeat(32)}`,
  shardId: `0x${'0e'.repeat(32)}`,
  nonceBase: new Uint8Array(7).fill(2),
  frameBytes: 256,
  plaintextBytes: 1_024,
  indexBytes: 100,
};
const layout: ShardLayout = {
  dataBytes: 1_000,
  footerFrom: 900,
  rowGroups: [[{ from: 8, bytes: 400 }], [{ from: 408, bytes: 492 }]],
};

function opened(encoded: Uint8Array): ShardLayout {
  const headerBytes = encodePieceHeader(header);
  return openIndex(key, header, headerBytes, sealIndex(key, header, headerBytes, encoded, new Uint8Array(0))).layout;
}

const words = (...numbers: number[]): Uint8Array => {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, i) => bytes.writeUInt32BE(number, 4 * i));
  return bytes;
};

it('says again what was encoded', () => {
  expect(opened(encodeLayout(layout))).toEqual(layout);
});

it.each([
  ['four billion row groups of no column', words(1_000, 900, 0, 0xffffffff)],
  ['more chunks than it lists', words(1_000, 900, 1, 2, 8, 400)],
  ['fewer chunks than it lists', words(1_000, 900, 1, 1, 8, 400, 408, 492)],
  ['a footer beyond the end', words(1_000, 1_001, 1, 1, 8, 400)],
  ['a chunk beyond the end', words(1_000, 900, 1, 1, 8, 993)],
  ['nothing at all', new Uint8Array(0)],
])('refuses %s', (_what, encoded) => {
  expect(() => opened(encoded)).toThrowError(expect.objectContaining({ code: 'PIECE_CORRUPT' }));
});
