import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, WeighbridgeError } from '../kernel/index.js';
import { encodePieceHeader, framePieceHeader, MAX_HEADER_BYTES, parsePieceHeader } from './header.js';

const nonceBase = new Uint8Array(7).fill(0x11);
const wrappedContentKey = new Uint8Array(40).fill(0x22);
const framed = (chunkBytes: number): Uint8Array =>
  framePieceHeader(encodePieceHeader({ nonceBase, wrappedContentKey, chunkBytes }));

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof WeighbridgeError ? error.code : String(error);
  }
}

describe('piece header', () => {
  test('is the COSE_Encrypt structure of ARCHITECTURE.md, byte for byte', () => {
    expect(Buffer.from(encodePieceHeader({ nonceBase, wrappedContentKey, chunkBytes: 1 << 20 })).toString('hex')).toBe(
      [
        'd860', // tag 96, COSE_Encrypt
        '84',
        '4da201033a000111701a00100000', // protected: {1: 3, -70001: 1048576}
        'a10547' + '11'.repeat(7), // unprotected: {5: IV}
        'f6', // detached
        '818340a101245828' + '22'.repeat(40), // one A256KW recipient
      ].join(''),
    );
  });

  test.each([1, 23, 24, 255, 256, 65_535, 65_536, 1 << 20, 16 << 20])('round-trips chunk size %i', (chunkBytes) => {
    const parsed = parsePieceHeader(concatBytes(framed(chunkBytes), new Uint8Array(5)));
    expect(parsed.chunkBytes).toBe(chunkBytes);
    expect(parsed.headerLength).toBe(framed(chunkBytes).length - 4);
    expect(parsed.nonceBase).toEqual(nonceBase);
    expect(parsed.wrappedContentKey).toEqual(wrappedContentKey);
  });

  test.each([0, -1, 1.5, (16 << 20) + 1, Number.NaN])('does not encode chunk size %s', (chunkBytes) => {
    expect(codeOf(() => encodePieceHeader({ nonceBase, wrappedContentKey, chunkBytes }))).toBe('BAD_INPUT');
  });

  test('a longer form of the chunk size is refused', () => {
    const [short, long] = [Uint8Array.of(0x18, 0x64), Uint8Array.of(0x19, 0x00, 0x64)];
    const good = framed(100);
    const at = good.findIndex((byte, i) => byte === short[0] && good[i + 1] === short[1]);
    const header = concatBytes(good.subarray(4, at), long, good.subarray(at + 2));
    header[3] = (header[3] ?? 0) + 1; // the protected map is a byte longer
    expect(codeOf(() => parsePieceHeader(framePieceHeader(header)))).toBe('PIECE_CORRUPT');
  });

  test.each([0, MAX_HEADER_BYTES + 1, 0xffff_ffff])('a length of %i is refused before it is waited for', (length) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, length);
    expect(codeOf(() => parsePieceHeader(bytes))).toBe('PIECE_CORRUPT');
  });

  test('every fixed byte is checked, and every truncation', () => {
    const good = framed(1 << 20);
    const free = new Set<number>();
    for (let i = 0; i < 7; i++) free.add(4 + 20 + i); // nonce base
    for (let i = 0; i < 40; i++) free.add(good.length - 40 + i); // wrapped key
    for (let i = 13; i < 17; i++) free.add(4 + i); // chunk size: another size is another piece, caught by the chunks
    for (let at = 0; at < good.length; at++) {
      if (free.has(at)) continue;
      const bad = Uint8Array.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x01;
      expect([at, codeOf(() => parsePieceHeader(bad))]).toEqual([at, 'PIECE_CORRUPT']);
    }
    for (let length = 0; length < good.length; length++) {
      expect(codeOf(() => parsePieceHeader(good.subarray(0, length)))).toBe('PIECE_CORRUPT');
    }
  });

  test('random bytes are refused with the same code', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        expect(codeOf(() => parsePieceHeader(framePieceHeader(noise)))).toBe('PIECE_CORRUPT');
        expect(codeOf(() => parsePieceHeader(noise))).toBe('PIECE_CORRUPT');
      }),
    );
  });
});
