// Real: the sealer, the keys, the disk. Faked: DuckDB, which "writes" files of holes, so that gigabytes cost nothing.
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Duck } from './duck.js';
import { writeShards, type Shard } from './shard.js';
import type { Source } from './source.js';
import {
  DEFAULT_FRAME_BYTES,
  MAX_PIECE_BYTES,
  MAX_SHARD_BYTES,
  paddedBytes,
  parsePieceHeader,
  pieceSealer,
  shardIdOf,
  TAG_BYTES,
} from '../../storage/index.js';

const LARGE_BYTES = 3 * 2 ** 30;
const ROWS = 3_000;
let dir: string;

beforeEach(async () => (dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-large-'))));
afterEach(async () => rm(dir, { recursive: true }));

/** Writes so many bytes a row of the range that it is asked for, all of them holes. */
function holes(bytesOf: (from: number, rows: number) => number): Duck {
  return {
    run: async (sql: string) => {
      const file = /TO '([^']+)'/.exec(sql)?.[1];
      if (file === undefined) return;
      const [, from = 0, to = ROWS] = (/>= (\d+) AND file_row_number < (\d+)/.exec(sql) ?? []).map(Number);
      const handle = await open(file, 'w');
      await handle.truncate(bytesOf(from, to - from));
      await handle.close();
    },
    row: async () => ({ num_row_groups: '0', footer_size: '0' }),
    rows: async () => [],
    trim: async () => undefined,
  } as unknown as Duck;
}

async function shardsOf(duck: Duck): Promise<Shard[]> {
  // A source that says nothing of how large its shards come out.
  const source = { parquetFile: 'source', rowCount: ROWS, sizeBytes: ROWS, columns: [{ name: 'x', sql: 'x' }] };
  const plan = { shardBytes: undefined, keepOrder: true };
  const shards: Shard[] = [];
  for await (const shard of writeShards(duck, source as unknown as Source, dir, plan, async (_step, work) => work())) {
    expect((await stat(shard.file)).size).toBe(shard.sizeBytes);
    shards.push(shard);
  }
  return shards;
}

describe('a shard of 3 GiB', () => {
  it('is cut until each part fits a piece, and no row is lost', async () => {
    const shards = await shardsOf(holes((_from, rows) => rows * (LARGE_BYTES / ROWS)));
    expect(shards.length).toBeGreaterThanOrEqual(4);
    expect(shards.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(ROWS);
    for (const { sizeBytes } of shards) expect(sizeBytes).toBeLessThanOrEqual(MAX_SHARD_BYTES);
  });

  it('that is one row is told by the number of the row', async () => {
    const row = 1_234;
    const duck = holes((from, rows) => (from <= row && row < from + rows ? LARGE_BYTES : 1_000));
    await expect(shardsOf(duck)).rejects.toMatchObject({ code: 'TOO_LARGE', details: { row: row + 1 } });
  });

  it('is not sealed: what it would be is refused in a sentence', () => {
    const plaintextBytes = paddedBytes(LARGE_BYTES);
    expect(() => pieceSealer(shardKey, { ...fields, plaintextBytes }, LARGE_BYTES)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', message: expect.stringContaining('3221225472') }),
    );
  });
});

const shardKey = { key: new Uint8Array(32).fill(1), nonceBase: new Uint8Array(7) };
const fields = {
  datasetId: `0x${'0d'.repeat(32)}`,
  shardId: `0x${'05'.repeat(32)}`,
  frameBytes: DEFAULT_FRAME_BYTES,
  nonceBase: shardKey.nonceBase,
} as const;

describe('the largest shard', () => {
  it('fits a piece, to its last frame', () => {
    const plaintextBytes = paddedBytes(MAX_SHARD_BYTES);
    const sealer = pieceSealer(shardKey, { ...fields, plaintextBytes }, MAX_SHARD_BYTES);
    expect(parsePieceHeader(sealer.head.subarray(4)).plaintextBytes).toBe(plaintextBytes);
    expect(sealer.head.length + plaintextBytes + sealer.frames * TAG_BYTES).toBeLessThanOrEqual(MAX_PIECE_BYTES);
    // The frame in which the data ends; those behind it are padding.
    const end = Math.floor((MAX_SHARD_BYTES + 8 - 1) / DEFAULT_FRAME_BYTES);
    const { from, length } = sealer.dataOf(end);
    expect(from + length).toBe(MAX_SHARD_BYTES);
    const sealed = new Uint8Array(DEFAULT_FRAME_BYTES + TAG_BYTES);
    expect(sealer.seal(end, new Uint8Array(length), sealed)).toBeGreaterThan(TAG_BYTES);
    expect(() => pieceSealer(shardKey, { ...fields, plaintextBytes }, MAX_SHARD_BYTES + 1)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });

  it('has a name of its own: no size is cut to 32 bits', () => {
    const content = {
      datasetId: fields.datasetId,
      keyEpoch: 1,
      digest: new Uint8Array(32),
      plaintextBytes: 1,
      frameBytes: DEFAULT_FRAME_BYTES,
      occurrence: 0,
      layout: new Uint8Array(0),
    };
    const secret = new Uint8Array(32);
    expect(shardIdOf(secret, { ...content, dataBytes: LARGE_BYTES })).toMatch(/^0x/);
    expect(() => shardIdOf(secret, { ...content, dataBytes: 2 ** 32 + 5 })).toThrow(RangeError);
  });
});
