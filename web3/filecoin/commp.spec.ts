import * as Piece from '@filoz/synapse-core/piece';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_RAW_BYTES, PieceHasher, pieceCidOf, treeHeight } from './commp.js';

/** PIECE_SIZES=1000 for as many as the owners ask. */
const SIZES = Number(process.env['PIECE_SIZES'] ?? 25);
/** More than a block: the SDK takes a second for some megabytes. */
const LARGEST_BYTES = 2 * BLOCK_RAW_BYTES;

function sample(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 2_654_435_761) >>> 24;
  return bytes;
}

const cidOf = (bytes: Uint8Array): string => new PieceHasher().write(bytes).digest();

describe('PieceHasher', () => {
  const block = BLOCK_RAW_BYTES;
  test.each([
    127,
    128,
    254,
    255,
    508,
    509,
    1016,
    65_024,
    block / 2,
    block / 2 + 1,
    block - 1,
    block,
    block + 1,
    2 * block,
    2 * block + 127,
    3 * block - 5,
    4 * block + 1,
  ])('agrees with the SDK on %i bytes', (size) => {
    const bytes = sample(size);
    expect(cidOf(bytes)).toBe(Piece.calculate(bytes).toString());
    expect(Piece.getSizeFromPieceCID(cidOf(bytes))).toBe(size);
  });

  test(
    `agrees with the SDK on ${SIZES} random sizes`,
    () => {
      const size = fc.integer({ min: 127, max: LARGEST_BYTES });
      fc.assert(
        fc.property(size, (size) => {
          const bytes = sample(size);
          expect(cidOf(bytes)).toBe(Piece.calculate(bytes).toString());
        }),
        { numRuns: SIZES, endOnFailure: true },
      );
    },
    60_000 + SIZES * 500,
  );

  test.each([1, 2, 3])(
    'gives the same where a block lies %i bytes askew in a Buffer, which `slice` does not copy',
    (askew) => {
      const bytes = sample(3 * block);
      const hasher = new PieceHasher().write(bytes.subarray(0, askew));
      // A memory of its own, as of a read from a file: blocks begin askew in it.
      expect(hasher.write(Buffer.from(bytes.subarray(askew))).digest()).toBe(cidOf(bytes));
    },
  );

  test('agrees with the SDK on zeros, whose subtrees equal the padding', () => {
    for (const size of [127, 1000, block + 500]) {
      expect(cidOf(new Uint8Array(size))).toBe(Piece.calculate(new Uint8Array(size)).toString());
    }
  });

  test('does not depend on how the bytes arrive', () => {
    const bytes = sample(3 * block + 77);
    const whole = cidOf(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2 * block }), { minLength: 1, maxLength: 12 }), (steps) => {
        const hasher = new PieceHasher();
        let offset = 0;
        for (const step of steps) {
          hasher.write(bytes.subarray(offset, offset + step));
          offset = Math.min(bytes.length, offset + step);
        }
        expect(hasher.write(bytes.subarray(offset)).digest()).toBe(whole);
      }),
      { numRuns: 20 },
    );
  });

  test('every bit counts, the last too', () => {
    const bytes = sample(1000);
    const whole = cidOf(bytes);
    for (const at of [0, 31, 63, 95, 126, 127, 500, 999]) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      expect(cidOf(changed)).not.toBe(whole);
    }
  });

  test('one zero byte more is another piece', () => {
    expect(cidOf(new Uint8Array(200))).not.toBe(cidOf(new Uint8Array(201)));
  });

  test('below 127 bytes there is no piece', () => {
    expect(() => cidOf(new Uint8Array(126))).toThrow(RangeError);
  });

  test('two hashers at once do not mix', () => {
    const [a, b] = [sample(block + 9), sample(block + 9).map((x) => x ^ 1)];
    const [first, second] = [new PieceHasher(), new PieceHasher()];
    for (let at = 0; at < a.length; at += 1000) {
      first.write(a.subarray(at, at + 1000));
      second.write(b.subarray(at, at + 1000));
    }
    expect(first.digest()).toBe(Piece.calculate(a).toString());
    expect(second.digest()).toBe(Piece.calculate(b).toString());
  });
});

test('pieceCidOf reads a stream', async () => {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield sample(300).subarray(0, 100);
    yield sample(300).subarray(100);
  }
  expect(await pieceCidOf(source())).toEqual({ pieceCid: Piece.calculate(sample(300)).toString(), sizeBytes: 300 });
});

test.each([
  [127, 2],
  [128, 3],
  [254, 3],
  [255, 4],
  [1_065_353_216, 25],
])('a piece of %i bytes has height %i', (size, height) => {
  expect(treeHeight(size)).toBe(height);
});
