import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { sealPiece } from '../../../test/support/seal-piece.js';
import {
  encodeLayout,
  indexKeyOf,
  openParts,
  PIECE_BLOCK_BYTES,
  readColumns,
  type SplitPiece,
  type VerifiedParts,
} from '../../../src/storage/index.js';
import { BLOCK_RAW_BYTES, PieceHasher } from '../commp.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import { readRange } from './read-range.js';
import { verifiedBlocks } from './verified-blocks.js';

// Real: HTTP, the envelope, piece CIDs. Faked: the providers, one of which lies where a test says so.
const COLUMNS = 64;
const CHUNK_BYTES = 40_000;
const GROUPS = 2;
const FOOTER_FROM = GROUPS * COLUMNS * CHUNK_BYTES;
const data = randomBytes(FOOTER_FROM + 5_000);
const layout = encodeLayout({
  dataBytes: data.length,
  footerFrom: FOOTER_FROM,
  rowGroups: Array.from({ length: GROUPS }, (_g, group) =>
    Array.from({ length: COLUMNS }, (_c, column) => ({
      from: (group * COLUMNS + column) * CHUNK_BYTES,
      bytes: CHUNK_BYTES,
    })),
  ),
});
const shardKey = { key: randomBytes(32), nonceBase: randomBytes(7) };
const fields = { datasetId: `0x${'0d'.repeat(32)}`, shardId: `0x${'05'.repeat(32)}`, frameBytes: 65_536 } as const;
const piece = sealPiece(shardKey, fields, data, layout);
const indexKey = indexKeyOf(shardKey.key, fields.shardId);
const { signal } = new AbortController();
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Copy {
  url: string;
  sent: number;
}

async function copyOf(bytes: Uint8Array): Promise<Copy> {
  const copy = { url: '', sent: 0 };
  const server = createServer((request, response) => {
    const [, from = 0, to = 0] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).map(Number);
    const body = bytes.subarray(from, to + 1);
    copy.sent += body.length;
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` }).end(body);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  copy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/piece`;
  return copy;
}

const suspects = new Set<string>();

/** As the store reads them, from these copies. Head and tail come from the first. */
function partsOf(of: PieceCid, copies: Copy[]): VerifiedParts {
  const urls = copies.map(({ url }) => url);
  return {
    part: async (_pieceCid, from, to) => {
      const parts: Uint8Array[] = [];
      const end = Math.min(to, of.sizeBytes);
      for await (const bytes of readRange(urls[0] ?? '', from, end, of.sizeBytes)) parts.push(Uint8Array.from(bytes));
      return Buffer.concat(parts);
    },
    blocks: (_pieceCid, known, runs, stop) =>
      verifiedBlocks({ piece: of, urls, suspects, slow: new Set(), signal: stop }, known, runs),
  };
}

function cidOf(bytes: Uint8Array): PieceCid {
  const parsed = parsePieceCid(new PieceHasher().write(bytes).digest());
  if (parsed === undefined) throw new Error('no piece CID');
  return parsed;
}

const flipped = (at: number): Uint8Array => Uint8Array.from(piece).with(at, (piece[at] ?? 0) ^ 1);
const read = async (copies: Copy[], columns: number[], of = cidOf(piece)): Promise<SplitPiece | undefined> =>
  readColumns(partsOf(of, copies), of.text, indexKey, columns, signal);

/** The frames, by number, and what they decrypt to. */
async function framesOf(some: SplitPiece | undefined): Promise<Map<number, string>> {
  const frames = new Map<number, string>();
  if (some === undefined) return frames;
  for await (const { bytes, index } of some.frames) frames.set(index, Buffer.from(bytes).toString('base64'));
  expect([...frames.keys()]).toEqual(some.chosen);
  return frames;
}

describe('frames of some columns', () => {
  it('are those of the piece, and little else is fetched', async () => {
    expect(BLOCK_RAW_BYTES).toBe(PIECE_BLOCK_BYTES);
    const copy = await copyOf(piece);
    const some = await read([copy], [7, 8, 40]);
    const frames = await framesOf(some);
    expect(copy.sent).toBeLessThan(piece.length * 0.65);
    // Each byte of the columns, of the first frame and of what a Parquet reader takes from the end.
    const opened = await openParts(
      { part: async (_pieceCid, from, to) => piece.subarray(from, to) },
      'piece',
      () => shardKey,
    );
    const wanted = [7, 8, 40, 64 + 7, 64 + 8, 64 + 40].map((chunk) => [chunk * CHUNK_BYTES, CHUNK_BYTES] as const);
    for (const [from, bytes] of [...wanted, [0, 1], [data.length - 65_536, 65_536]] as const) {
      for (let at = from + 8; at < from + 8 + bytes; at += 1_000)
        expect(frames.has(Math.floor(at / 65_536))).toBe(true);
      expect(Buffer.compare(await opened.read(from, from + bytes), data.subarray(from, from + bytes))).toBe(0);
    }
    const headBytes = 4 + (some?.headerBytes.length ?? 0);
    for (const [index, bytes] of frames) {
      const from = headBytes + index * (65_536 + 16);
      expect(bytes).toBe(Buffer.from(piece.subarray(from, from + 65_536 + 16)).toString('base64'));
    }
  });

  it('come from the other copy where one lies, and the liar is remembered', async () => {
    const lying = await copyOf(flipped(3 * PIECE_BLOCK_BYTES));
    const honest = await copyOf(piece);
    const columns = [18, 19];
    // The copies are asked in turns, and that block is of the second read.
    const frames = await framesOf(await read([honest, lying], columns));
    expect(frames).toEqual(await framesOf(await read([honest], columns)));
    expect(suspects).toEqual(new Set([lying.url]));
    await expect(read([lying], columns).then(framesOf)).rejects.toMatchObject({ code: 'PIECE_CORRUPT' });
  });

  it('come from every copy in turns', async () => {
    const [one, other] = [await copyOf(piece), await copyOf(piece)];
    const columns = [3, 30, 60];
    const frames = await framesOf(await read([one, other], columns));
    const before = one.sent;
    expect(frames).toEqual(await framesOf(await read([one], columns)));
    const alone = one.sent - before;
    // Header and index come from the first.
    expect(before).toBeLessThan(alone);
    expect(before + other.sent).toBe(alone);
    expect(other.sent).toBeGreaterThan(alone / 4);
  });

  it.each([
    ['header', 10],
    ['first frame', 500],
    ['last frame', piece.length - layout.length - 5_000],
    ['index', piece.length - layout.length - 100],
    ['tag of the index', piece.length - 1],
  ])('are not given out before a flipped %s is seen', async (_what, at) => {
    await expect(read([await copyOf(flipped(at))], [1])).rejects.toMatchObject({ code: 'PIECE_CORRUPT' });
  });

  it('of another piece of the same shard are refused, although each of its frames authenticates', async () => {
    const other = sealPiece(shardKey, fields, data.toReversed(), layout);
    await expect(read([await copyOf(other)], [1])).rejects.toMatchObject({ code: 'PIECE_CORRUPT' });
  });

  it('are no way to read a piece that has no index, or most of one', async () => {
    const plain = sealPiece(shardKey, fields, data);
    expect(await read([await copyOf(plain)], [1], cidOf(plain))).toBeUndefined();
    const all = Array.from({ length: COLUMNS }, (_, column) => column);
    expect(await read([await copyOf(piece)], all)).toBeUndefined();
  });
});
