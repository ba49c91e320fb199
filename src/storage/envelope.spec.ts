import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FUZZ_TIMEOUT_MS, fuzzRuns, mangledBytes } from '../../test/support/fuzz.js';
import { inSteps, sealPiece } from '../../test/support/seal-piece.js';
import { concatBytes, fromHex, toHex, WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import { parsePieceHeader } from './header.js';
import { MAX_PIECE_BYTES, TAG_BYTES } from './limits.js';
import { openShard, splitPiece, type ShardAccess } from './open-shard.js';
import { MAX_SHARD_BYTES, paddedBytes, pieceBytes } from './padding.js';
import { encodeLayout } from './shard-index.js';
import { shardIdOf, shardKeyOf, wrapShardKey, type ShardContent, type ShardPlace } from './shard-keys.js';

const FRAME = 32;
const versionKey = new Uint8Array(32).fill(7);
const shardKey = { key: new Uint8Array(32).fill(9), nonceBase: new Uint8Array(7).fill(3) };
const id = (byte: number): Bytes32 => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`;
const fields = { datasetId: id(0xd), shardId: id(0x5), frameBytes: FRAME };
const place: ShardPlace = { keyId: id(0xa), shardId: fields.shardId, number: 2, count: 5 };
const access: ShardAccess = {
  versionKey,
  datasetId: fields.datasetId,
  place,
  wrappedKey: wrapShardKey(versionKey, place, shardKey.key),
};

const seal = (data: Uint8Array, over: Partial<typeof fields> = {}): Uint8Array =>
  sealPiece(shardKey, { ...fields, ...over }, data);

async function open(piece: Uint8Array, over: Partial<ShardAccess> = {}, step?: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of openShard(inSteps(piece, step), { ...access, ...over })) parts.push(part);
  return concatBytes(...parts);
}

const codeOf = async (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'none',
    (error: unknown) => (error instanceof WeighbridgeError ? error.code : String(error)),
  );

/** Header and sealed frames of a piece. */
async function take(piece: Uint8Array): Promise<{ head: Uint8Array; frames: Uint8Array[] }> {
  const { headerBytes, frames } = await splitPiece(inSteps(piece));
  const sealed: Uint8Array[] = [];
  for await (const { bytes } of frames) sealed.push(Uint8Array.from(bytes)); // its memory is used again
  return { head: piece.subarray(0, 4 + headerBytes.length), frames: sealed };
}

/** Data that fills its frames, so that all of them are of one size and can change places. */
const fullFrames = (count: number): Uint8Array => {
  const size = paddedBytes(count * FRAME - 8);
  expect(size).toBe(count * FRAME);
  return randomBytes(size - 8);
};

describe('seal and open', () => {
  test.each([0, 1, 7, 8, 23, 24, 25, 56, 300])('%i bytes', async (size) => {
    const data = randomBytes(size);
    expect(await open(seal(data))).toEqual(Uint8Array.from(data));
  });

  test('any content and frame size, whatever the borders of the stream', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 100 }),
        async (data, frameBytes, step) => {
          expect(toHex(await open(seal(data, { frameBytes }), {}, step))).toBe(toHex(data));
        },
      ),
    );
  });
});

describe('a piece that was tampered with', () => {
  test(
    'cut up in any way: refused, or it is what it was',
    async () => {
      const piece = seal(fullFrames(4));
      await fc.assert(
        fc.asyncProperty(mangledBytes(piece), fc.integer({ min: 1, max: 100 }), async (bad, step) => {
          const code = await codeOf(open(bad, {}, step));
          if (Buffer.compare(bad, piece) === 0) expect(code).toBe('none');
          else expect(code).toMatch(/^PIECE_/);
        }),
        { numRuns: fuzzRuns(100) },
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test.each([
    ['', undefined],
    [', its index included', encodeLayout({ dataBytes: 120, footerFrom: 100, rowGroups: [[{ from: 0, bytes: 100 }]] })],
  ])('a bit flipped anywhere%s', async (_which, layout) => {
    const piece = sealPiece(shardKey, fields, fullFrames(4), layout);
    const header = parsePieceHeader(piece.subarray(4, 4 + (piece[3] ?? 0)));
    expect(header.frameBytes).toBe(FRAME);
    expect(header.indexBytes).toBe(layout && layout.length + TAG_BYTES);
    for (let at = 0; at < piece.length; at++) {
      const bad = Uint8Array.from(piece);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      // Other ids in the header are another shard's header; another length in it is one that the piece does not have.
      const inHeader = ['PIECE_CORRUPT', 'PIECE_FOREIGN', 'PIECE_TRUNCATED'];
      const expected = at < 4 + (piece[3] ?? 0) ? inHeader : ['PIECE_CORRUPT'];
      expect([at, expected.includes(await codeOf(open(bad)))]).toEqual([at, true]);
    }
  });

  test.each([
    ['', undefined],
    [' with an index', encodeLayout({ dataBytes: 120, footerFrom: 100, rowGroups: [[{ from: 0, bytes: 100 }]] })],
  ])('cut off anywhere%s, frame borders included', async (_which, layout) => {
    const piece = sealPiece(shardKey, fields, fullFrames(4), layout);
    for (let length = 0; length < piece.length; length++) {
      expect([length, await codeOf(open(piece.subarray(0, length)))]).toEqual([length, 'PIECE_TRUNCATED']);
    }
  });

  test('any two frames change places', async () => {
    const { head, frames } = await take(seal(fullFrames(6)));
    for (let a = 0; a < frames.length; a++) {
      for (let b = a + 1; b < frames.length; b++) {
        const swapped = frames.with(a, frames[b] as Uint8Array).with(b, frames[a] as Uint8Array);
        expect(await codeOf(open(concatBytes(head, ...swapped)))).toBe('PIECE_REORDERED');
      }
    }
  });

  test('any frame stands twice, or is left out', async () => {
    const { head, frames } = await take(seal(fullFrames(6)));
    for (let at = 0; at < frames.length - 1; at++) {
      const twice = frames.toSpliced(at, 0, frames[at] as Uint8Array);
      expect(await codeOf(open(concatBytes(head, ...twice)))).toBe('PIECE_REPEATED');
      const without = frames.toSpliced(at, 1);
      expect(await codeOf(open(concatBytes(head, ...without)))).toBe(
        at < frames.length - 2 ? 'PIECE_REORDERED' : 'PIECE_TRUNCATED',
      );
    }
    expect(await codeOf(open(concatBytes(head, ...frames, frames.at(-1) as Uint8Array)))).toBe('PIECE_CORRUPT');
  });

  test('a frame, or the header, of another shard, dataset or version of it', async () => {
    const data = fullFrames(4);
    const { head, frames } = await take(seal(data));
    const otherShard = sealPiece({ ...shardKey, key: new Uint8Array(32).fill(1) }, { ...fields, shardId: id(6) }, data);
    const otherDataset = seal(data, { datasetId: id(0xe) });
    for (const piece of [otherShard, otherDataset]) {
      const other = await take(piece);
      const moved = frames.with(1, other.frames[1] as Uint8Array);
      expect(await codeOf(open(concatBytes(head, ...moved)))).toBe('PIECE_CORRUPT');
      expect(await codeOf(open(concatBytes(other.head, ...frames)))).toBe('PIECE_FOREIGN');
      expect(await codeOf(open(piece))).toBe('PIECE_FOREIGN');
    }
  });

  test('an honest key holder that hides something in the padding, or lies about the length', async () => {
    const plain = async (bytes: Uint8Array): Promise<string> => {
      const { frameCipher, sealFrame } = await import('./frames.js');
      const { encodePieceHeader, framePieceHeader } = await import('./header.js');
      const header = { ...fields, nonceBase: shardKey.nonceBase, plaintextBytes: bytes.length, frameBytes: 64 };
      const encoded = encodePieceHeader(header);
      const frame = new Uint8Array(bytes.length + TAG_BYTES);
      sealFrame(frameCipher(shardKey, header, encoded), bytes, 0, frame);
      return codeOf(open(concatBytes(framePieceHeader(encoded), frame)));
    };
    expect(await plain(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 65, 0))).toBe('none');
    expect(await plain(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 65, 1))).toBe('PIECE_CORRUPT');
    expect(await plain(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3, 65, 0))).toBe('PIECE_CORRUPT');
    expect(await plain(Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 1, 65, 0))).toBe('PIECE_CORRUPT');
  });

  test('a fault of the source is not called corruption, and a source that is left early is closed', async () => {
    const piece = seal(fullFrames(4));
    let closed = false;
    async function* failing(): AsyncGenerator<Uint8Array> {
      try {
        yield piece.subarray(0, 180);
        throw new Error('socket');
      } finally {
        closed = true;
      }
    }
    const reading = async (): Promise<void> => {
      for await (const _part of openShard(failing(), access));
    };
    await expect(reading()).rejects.toThrow('socket');
    expect(closed).toBe(true);
  });
});

describe('the key of a shard', () => {
  test('opens for one version, shard and place only', async () => {
    const piece = seal(randomBytes(50));
    const moved: Partial<ShardPlace>[] = [{ keyId: id(0xb) }, { number: 3 }, { count: 6 }];
    for (const over of moved) {
      expect(await codeOf(open(piece, { place: { ...place, ...over } }))).toBe('SHARD_KEY_REFUSED');
    }
    expect(await codeOf(open(piece, { versionKey: new Uint8Array(32) }))).toBe('SHARD_KEY_REFUSED');
    const wrapped = Uint8Array.from(access.wrappedKey);
    for (let at = 0; at < wrapped.length; at++) {
      const bad = wrapped.with(at, (wrapped[at] ?? 0) ^ 1);
      expect(await codeOf(open(piece, { wrappedKey: bad }))).toBe('SHARD_KEY_REFUSED');
    }
  });

  test('rotating the version key wraps it anew, and leaves the piece alone', async () => {
    const [piece, newKey] = [seal(randomBytes(50)), randomBytes(32)];
    const next = { ...place, keyId: id(0xc) };
    const over = { versionKey: newKey, place: next, wrappedKey: wrapShardKey(newKey, next, shardKey.key) };
    expect(await open(piece, over)).toEqual(await open(piece));
  });

  test('is another for everything that makes another piece, so that no nonce serves two plaintexts', () => {
    const secret = randomBytes(32);
    const content: ShardContent = {
      datasetId: id(1),
      keyEpoch: 1,
      digest: randomBytes(32),
      dataBytes: 10,
      plaintextBytes: 20,
      frameBytes: 30,
      occurrence: 0,
      layout: new Uint8Array(0),
    };
    const variants: Partial<ShardContent>[] = [
      {},
      { datasetId: id(2) },
      { keyEpoch: 2 },
      { digest: randomBytes(32) },
      { dataBytes: 11 },
      { plaintextBytes: 21 },
      { frameBytes: 31 },
      { occurrence: 1 },
      { layout: Uint8Array.of(0) },
    ];
    const keyFor = (from: Uint8Array, over: Partial<ShardContent>): string => {
      const all = { ...content, ...over };
      return toHex(shardKeyOf(from, { ...all, shardId: shardIdOf(from, all) }).key);
    };
    const keys = variants.map((over) => keyFor(secret, over));
    expect(new Set([...keys, keyFor(randomBytes(32), {})]).size).toBe(variants.length + 1);
    expect(keyFor(secret, {})).toBe(keys[0]);
  });
});

describe('padding', () => {
  test('costs at most an eighth, and a thirty-second from 64 KiB', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_SHARD_BYTES }), (size) => {
        const padded = paddedBytes(size);
        expect(padded).toBeGreaterThanOrEqual(size + 8);
        expect(padded - size - 8).toBeLessThanOrEqual((size + 8) / (size < 65_536 ? 8 : 32));
        expect(pieceBytes(padded)).toBeLessThanOrEqual(MAX_PIECE_BYTES);
      }),
    );
  });

  test('leaves few sizes: 32 between half a gigabyte and one', () => {
    const sizes = new Set(Array.from({ length: 10_000 }, (_, i) => paddedBytes(2 ** 29 + i * 50_000)));
    expect(sizes.size).toBeLessThanOrEqual(33);
  });
});

interface Vector {
  madeBy: string;
  name: string;
  data: string;
  frameBytes: number;
  keyId: Bytes32;
  datasetId: Bytes32;
  shardId: Bytes32;
  number: number;
  count: number;
  wrappedKey: string;
  piece: string;
  /** Of a piece with an index: what that says, as hex. */
  layout?: string;
}

/** The trainer's own implementation, in Python, reads the same file and made half of it. */
describe('test/vectors/envelope.json', () => {
  const file = JSON.parse(readFileSync(new URL('../../test/vectors/envelope.json', import.meta.url), 'utf8')) as {
    versionKey: string;
    shardKey: string;
    nonceBase: string;
    pieces: Vector[];
    refused: (Omit<Vector, 'madeBy' | 'data'> & { code: string })[];
  };
  const key = { key: fromHex(file.shardKey), nonceBase: fromHex(file.nonceBase) };
  const accessOf = ({ keyId, datasetId, shardId, number, count, wrappedKey }: Omit<Vector, 'madeBy' | 'data'>) => ({
    versionKey: fromHex(file.versionKey),
    datasetId,
    place: { keyId, shardId, number, count },
    wrappedKey: fromHex(wrappedKey),
  });

  test.each(file.pieces)('$madeBy: $name', async (vector) => {
    const layout = vector.layout === undefined ? undefined : fromHex(vector.layout);
    expect(toHex(sealPiece(key, vector, fromHex(vector.data), layout))).toBe(vector.piece);
    const { place: where } = accessOf(vector);
    expect(toHex(wrapShardKey(fromHex(file.versionKey), where, key.key))).toBe(vector.wrappedKey);
    expect(toHex(await open(fromHex(vector.piece), accessOf(vector)))).toBe(vector.data);
  });

  test.each(file.refused)('refused: $name', async (vector) => {
    expect(await codeOf(open(fromHex(vector.piece), accessOf(vector)))).toBe(vector.code);
  });
});
