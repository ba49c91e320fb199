import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex, WeighbridgeError } from '../kernel/index.js';
import { createPieceDecryptor, splitPiece } from './decrypt-stream.js';
import { createPieceEncryptor, encryptedPieceBytes, encryptPieceWith } from './encrypt-stream.js';
import { parsePieceHeader } from './header.js';

const dataKey = new Uint8Array(32).fill(7);
const CHUNK = 16;

async function* stream(bytes: Uint8Array, step = bytes.length || 1): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return concatBytes(...parts);
}

const encrypt = async (plain: Uint8Array, chunkBytes = CHUNK, step?: number): Promise<Uint8Array> =>
  collect(createPieceEncryptor({ dataKey, chunkBytes })(stream(plain, step)));
const decrypt = async (piece: Uint8Array, step?: number, key: Uint8Array = dataKey): Promise<Uint8Array> =>
  collect(createPieceDecryptor({ dataKey: key })(stream(piece, step)));
const codeOf = async (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'none',
    (error: unknown) => (error instanceof WeighbridgeError ? error.code : String(error)),
  );

/** Header and sealed chunks of a piece. */
async function take(piece: Uint8Array): Promise<{ head: Uint8Array; chunks: Uint8Array[] }> {
  const { header, chunks } = await splitPiece(stream(piece));
  const sealed: Uint8Array[] = [];
  for await (const chunk of chunks) sealed.push(chunk.bytes);
  return { head: piece.subarray(0, 4 + header.headerLength), chunks: sealed };
}

describe('encrypt and decrypt', () => {
  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK, 5 * CHUNK + 3])('%i bytes', async (size) => {
    const plain = randomBytes(size);
    const piece = await encrypt(plain);
    expect(piece.length).toBe(encryptedPieceBytes(size, CHUNK));
    expect(await decrypt(piece)).toEqual(Uint8Array.from(plain));
  });

  test('any content, any chunk size, whatever the borders of the streams', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        async (plain, chunkBytes, inStep, outStep) => {
          const piece = await encrypt(plain, chunkBytes, inStep);
          expect(toHex(await decrypt(piece, outStep))).toBe(toHex(plain));
        },
      ),
    );
  });

  test('two encryptions of one file share neither key nor nonce', async () => {
    const plain = randomBytes(40);
    const [a, b] = [parsePieceHeader(await encrypt(plain)), parsePieceHeader(await encrypt(plain))];
    expect(toHex(a.nonceBase)).not.toBe(toHex(b.nonceBase));
    expect(toHex(a.wrappedContentKey)).not.toBe(toHex(b.wrappedContentKey));
  });

  test('an encryptor refuses a second stream: it would repeat nonces', async () => {
    const encryptor = createPieceEncryptor({ dataKey });
    await collect(encryptor(stream(randomBytes(5))));
    expect(() => encryptor(stream(randomBytes(5)))).toThrow('one piece');
  });

  test('a data key of another length is refused', () => {
    expect(() => createPieceEncryptor({ dataKey: new Uint8Array(16) })).toThrow('32 bytes');
    expect(() => createPieceDecryptor({ dataKey: new Uint8Array(33) })).toThrow('32 bytes');
  });
});

describe('a piece that was tampered with', () => {
  test('a flipped bit anywhere', async () => {
    const piece = await encrypt(randomBytes(3 * CHUNK + 5));
    for (let at = 0; at < piece.length; at++) {
      const bad = Uint8Array.from(piece);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      expect([at, await codeOf(decrypt(bad))]).toEqual([at, 'PIECE_CORRUPT']);
    }
  });

  test('cut off anywhere, chunk borders included', async () => {
    const piece = await encrypt(randomBytes(3 * CHUNK));
    for (let length = 0; length < piece.length; length++) {
      expect([length, await codeOf(decrypt(piece.subarray(0, length)))]).toEqual([length, 'PIECE_CORRUPT']);
    }
  });

  test('chunks dropped, repeated, reordered, or taken from another piece', async () => {
    const { head, chunks } = await take(await encrypt(randomBytes(3 * CHUNK + 5)));
    const other = await take(await encrypt(randomBytes(3 * CHUNK + 5)));
    const [a, b, c, d] = chunks as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const variants = [
      [b, c, d],
      [a, c, d],
      [a, b, c],
      [a, a, b, c, d],
      [a, b, c, d, d],
      [b, a, c, d],
      [a, other.chunks[1] as Uint8Array, c, d],
      [a, b, c, d, new Uint8Array(16)],
    ];
    expect(await codeOf(decrypt(concatBytes(head, a, b, c, d)))).toBe('none');
    for (const variant of variants) expect(await codeOf(decrypt(concatBytes(head, ...variant)))).toBe('PIECE_CORRUPT');
    expect(await codeOf(decrypt(concatBytes(other.head, ...chunks)))).toBe('PIECE_CORRUPT');
  });

  test('another data key', async () => {
    expect(await codeOf(decrypt(await encrypt(randomBytes(5)), undefined, new Uint8Array(32)))).toBe('PIECE_CORRUPT');
  });

  test('a fault of the source is not called corruption', async () => {
    const piece = await encrypt(randomBytes(100));
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield piece.subarray(0, 120);
      throw new Error('socket');
    }
    await expect(collect(createPieceDecryptor({ dataKey })(failing()))).rejects.toThrow('socket');
  });
});

describe('splitPiece', () => {
  test('cuts at chunk borders and flags the last, whatever the borders of the source', async () => {
    const piece = await encrypt(randomBytes(2 * CHUNK + 5));
    for (const step of [1, 7, 33, 1000]) {
      const { header, chunks } = await splitPiece(stream(piece, step));
      const seen: [number, number, boolean][] = [];
      for await (const { index, bytes, last } of chunks) seen.push([index, bytes.length, last]);
      expect(header.chunkBytes).toBe(CHUNK);
      expect(seen).toEqual([
        [0, 32, false],
        [1, 32, false],
        [2, 21, true],
      ]);
    }
  });

  test('closes its source when it is left early', async () => {
    const piece = await encrypt(randomBytes(100));
    let closed = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      try {
        for (const byte of piece) yield Uint8Array.of(byte);
      } finally {
        closed = true;
      }
    }
    const { chunks } = await splitPiece(watched());
    for await (const chunk of chunks) if (chunk.index === 0) break;
    expect(closed).toBe(true);
  });
});

interface Vector {
  name: string;
  plaintext: string;
  header: string;
  associatedData: string;
  piece: string;
}

/** The sandbox's Python decryptor reads the same file. */
describe('test/vectors/piece-envelope.json', () => {
  const file = JSON.parse(readFileSync(new URL('../../test/vectors/piece-envelope.json', import.meta.url), 'utf8')) as {
    dataKey: string;
    contentKey: string;
    nonceBase: string;
    chunkBytes: number;
    pieces: Vector[];
    refused: { name: string; piece: string }[];
  };
  const key = fromHex(file.dataKey);

  test.each(file.pieces)('$name', async ({ plaintext, header, associatedData, piece }) => {
    const encryptor = encryptPieceWith({
      dataKey: key,
      contentKey: fromHex(file.contentKey),
      nonceBase: fromHex(file.nonceBase),
      chunkBytes: file.chunkBytes,
    });
    expect(toHex(await collect(encryptor(stream(fromHex(plaintext)))))).toBe(piece);
    expect(toHex(parsePieceHeader(fromHex(piece)).header)).toBe(header);
    expect(createHash('sha256').update(fromHex(header)).digest('hex')).toBe(associatedData);
    expect(toHex(await decrypt(fromHex(piece), undefined, key))).toBe(plaintext);
  });

  test.each(file.refused)('refused: $name', async ({ piece }) => {
    expect(await codeOf(decrypt(fromHex(piece), undefined, key))).toBe('PIECE_CORRUPT');
  });
});
