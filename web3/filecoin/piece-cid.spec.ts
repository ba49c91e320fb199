import * as Piece from '@filoz/synapse-core/piece';
import * as fc from 'fast-check';
import { CID } from 'multiformats/cid';
import { base58btc } from 'multiformats/bases/base58';
import { expect, test } from 'vitest';
import { PieceHasher } from './commp.js';
import { formatPieceCid, parsePieceCid } from './piece-cid.js';

const cidOf = (size: number): string => new PieceHasher().write(new Uint8Array(size).fill(size & 0xff)).digest();

test.each([127, 128, 130, 1016, 65_024, 3_000_000])('reads what the SDK reads, %i bytes', (size) => {
  const parsed = parsePieceCid(cidOf(size));
  const sdk = Piece.parse(cidOf(size));
  expect(parsed?.sizeBytes).toBe(size);
  expect(parsed?.bytes).toEqual(sdk.bytes);
  expect(parsed && formatPieceCid(parsed)).toBe(sdk.toString());
});

test('no other text names the piece', () => {
  const text = cidOf(300);
  const cid = CID.parse(text);
  for (const other of [
    text.toUpperCase(),
    cid.toString(base58btc),
    `${text} `,
    `./${text}`,
    text.slice(0, -1),
    `${text}a`,
    '',
    '..',
    '../../etc/passwd',
    // a CID, but of something else
    'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
    // a piece CID of version 1: it does not say how many bytes there are
    'baga6ea4seaqb46zh6n4fig7nuf5lmfylxr4flmzu2tgfjm6k4werggcnp3fvspy',
  ]) {
    expect([other, parsePieceCid(other)]).toEqual([other, undefined]);
  }
});

test('a padding that is longer than it needs to be, or eats the piece, is refused', () => {
  const piece = parsePieceCid(cidOf(200));
  const digestOf = (padding: number[], height: number): Uint8Array =>
    Uint8Array.of(0x01, 0x55, 0x91, 0x20, padding.length + 33, ...padding, height, ...(piece?.root ?? []));
  const textOf = (padding: number[], height: number): string => CID.decode(digestOf(padding, height)).toString();
  expect(parsePieceCid(textOf([54], 3))?.sizeBytes).toBe(200);
  expect(parsePieceCid(textOf([54 | 0x80, 0], 3))).toBeUndefined();
  expect(parsePieceCid(textOf([127], 2))).toBeUndefined();
  expect(parsePieceCid(textOf([0], 1))).toBeUndefined();
  expect(parsePieceCid(textOf([0], 26))).toBeUndefined();
  expect(parsePieceCid(textOf([], 3))).toBeUndefined();
});

test('never throws', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => parsePieceCid(text) === undefined));
});
