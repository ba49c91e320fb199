import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FUZZ_TIMEOUT_MS, fuzzRuns, mangledBytes } from '../../test/support/fuzz.js';
import { concatBytes, WeighbridgeError } from '../kernel/index.js';
import {
  encodePieceHeader,
  framePieceHeader,
  MAX_HEADER_BYTES,
  parsePieceHeader,
  pieceHeaderLength,
} from './header.js';

const header = {
  datasetId: `0x${'dd'.repeat(32)}`,
  shardId: `0x${'55'.repeat(32)}`,
  nonceBase: new Uint8Array(7).fill(0x11),
  frameBytes: 1 << 18,
  plaintextBytes: 1_000_000,
} as const;

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof WeighbridgeError ? error.code : String(error);
  }
}

describe('piece header', () => {
  test('is the COSE_Encrypt0 structure of docs/envelope.md, byte for byte', () => {
    expect(Buffer.from(encodePieceHeader(header)).toString('hex')).toBe(
      [
        'd083', // tag 16, COSE_Encrypt0, an array of three
        '5861', // the protected map as 97 bytes
        'a50103', // {1: 3, ...}: A256GCM
        '045820' + '55'.repeat(32), // 4, kid: the shard
        '3a000111701a00040000', // -70001: 262144 bytes a frame
        '3a000111711a000f4240', // -70002: 1000000 bytes of plaintext
        '3a000111725820' + 'dd'.repeat(32), // -70003: the dataset
        'a10547' + '11'.repeat(7), // unprotected: {5: nonce base}
        'f6', // detached
      ].join(''),
    );
  });

  test('says how long the index is, if there is one', () => {
    const indexed = { ...header, indexBytes: 1_000 };
    const hex = Buffer.from(encodePieceHeader(indexed)).toString('hex');
    expect(hex.slice(4, 14)).toBe('5869a60103'); // eight bytes more, a map of six
    expect(hex).toContain('dd'.repeat(32) + '3a000111731903e8a10547');
    expect(parsePieceHeader(encodePieceHeader(indexed))).toEqual(indexed);
    const longest = { ...indexed, frameBytes: 16 << 20, plaintextBytes: 1 << 29, indexBytes: 16 << 20 };
    expect(encodePieceHeader(longest).length).toBeLessThanOrEqual(MAX_HEADER_BYTES);
    for (const indexBytes of [0, -1, 0.5, (16 << 20) + 1]) {
      expect(codeOf(() => encodePieceHeader({ ...header, indexBytes }))).toBe('BAD_INPUT');
    }
  });

  test.each([1, 23, 24, 255, 256, 65_535, 65_536, 1 << 20, 16 << 20])('round-trips frame size %i', (frameBytes) => {
    expect(parsePieceHeader(encodePieceHeader({ ...header, frameBytes }))).toEqual({ ...header, frameBytes });
  });

  test.each([0, -1, 1.5, (16 << 20) + 1, Number.NaN])('does not encode frame size %s', (frameBytes) => {
    expect(codeOf(() => encodePieceHeader({ ...header, frameBytes }))).toBe('BAD_INPUT');
  });

  test('a longer form of a number is refused', () => {
    const good = encodePieceHeader({ ...header, frameBytes: 100 });
    const at = good.findIndex((byte, i) => byte === 0x18 && good[i + 1] === 100);
    const long = concatBytes(good.subarray(0, at), Uint8Array.of(0x19, 0, 100), good.subarray(at + 2));
    long[3] = (long[3] ?? 0) + 1; // the protected map is a byte longer
    expect(at).toBeGreaterThan(0);
    expect(codeOf(() => parsePieceHeader(good))).toBe('none');
    expect(codeOf(() => parsePieceHeader(long))).toBe('PIECE_CORRUPT');
  });

  test('a byte more or less is refused', () => {
    const good = encodePieceHeader(header);
    expect(codeOf(() => parsePieceHeader(good.subarray(0, -1)))).toBe('PIECE_CORRUPT');
    expect(codeOf(() => parsePieceHeader(concatBytes(good, Uint8Array.of(0))))).toBe('PIECE_CORRUPT');
  });

  test(
    'no bytes at all make it fail otherwise',
    () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 2 * MAX_HEADER_BYTES }), (bytes) => {
          expect(codeOf(() => parsePieceHeader(bytes))).toBe('PIECE_CORRUPT');
        }),
        { numRuns: fuzzRuns(100) },
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    'a header that was cut up is refused, or is one that the writer writes',
    () => {
      fc.assert(
        fc.property(mangledBytes(encodePieceHeader(header)), (bytes) => {
          const code = codeOf(() => parsePieceHeader(bytes));
          if (code === 'none') expect(encodePieceHeader(parsePieceHeader(bytes))).toEqual(new Uint8Array(bytes));
          else expect(code).toBe('PIECE_CORRUPT');
        }),
        { numRuns: fuzzRuns(200) },
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test('the length in front has a limit: a reader does not wait for gigabytes', () => {
    expect(pieceHeaderLength(framePieceHeader(encodePieceHeader(header)))).toBe(112);
    for (const length of [0, MAX_HEADER_BYTES + 1, 0xffffffff]) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, length);
      expect(codeOf(() => pieceHeaderLength(bytes))).toBe('PIECE_CORRUPT');
    }
  });
});
