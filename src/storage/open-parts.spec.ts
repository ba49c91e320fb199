import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetMetadataAsync, parquetReadObjects, type AsyncBuffer } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { beforeAll, describe, expect, it } from 'vitest';
import { sealPiece } from '../../test/support/seal-piece.js';
import { WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import { openParts, shardKeyFor, wrapShardKey, type ShardParts } from './index.js';

// Real: the envelope, a Parquet file of DuckDB's as `publish` writes it, a Parquet reader of other people's. Faked: the provider.
const FRAME_BYTES = 4096;
const datasetId: Bytes32 = `0x${'0d'.repeat(32)}`;
const shardId: Bytes32 = `0x${'05'.repeat(32)}`;
const versionKey = new Uint8Array(32).fill(3);
const place = { keyId: `0x${'0a'.repeat(32)}` as const, shardId, number: 0, count: 1 };
const shardKey = { key: new Uint8Array(32).fill(9), nonceBase: new Uint8Array(7).fill(1) };
const access = { versionKey, datasetId, place, wrappedKey: wrapShardKey(versionKey, place, shardKey.key) };
const ROWS = 20_000;

let data: Buffer;
let piece: Uint8Array;

beforeAll(async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'wb-parts-'));
  try {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const file = path.join(dir, 'x.parquet');
    const columns = Array.from({ length: 8 }, (_, i) => `hash(i * 8 + ${i}) % 1000003 AS c${i}`).join(', ');
    await connection.run(
      `COPY (SELECT i, ${columns} FROM range(${ROWS}) t(i)) TO '${file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 4096)`,
    );
    data = await readFile(file);
  } finally {
    await rm(dir, { recursive: true });
  }
  piece = sealPiece(shardKey, { datasetId, shardId, frameBytes: FRAME_BYTES }, data);
});

interface Counted {
  shard: ShardParts;
  fetched(): number;
}

async function open(bytes = piece): Promise<Counted> {
  let fetched = 0;
  const part = async (_cid: string, from: number, to: number): Promise<Uint8Array> => {
    const found = bytes.subarray(from, to);
    fetched += found.length;
    return found;
  };
  const shard = await openParts({ part }, 'cid', (header) => shardKeyFor(header, access));
  return { shard, fetched: () => fetched };
}

/** As a Parquet reader wants it. */
const asFile = (shard: ShardParts): AsyncBuffer => ({
  byteLength: shard.dataBytes,
  slice: async (from, to = shard.dataBytes) => Uint8Array.from(await shard.read(from, to)).buffer,
});

describe('a shard that is read in parts', () => {
  it('gives any bytes of it', async () => {
    const { shard } = await open();
    expect(shard.dataBytes).toBe(data.length);
    const edges = [
      0,
      1,
      FRAME_BYTES - 9,
      FRAME_BYTES - 8,
      FRAME_BYTES - 7,
      3 * FRAME_BYTES,
      data.length - 1,
      data.length,
    ];
    for (const from of edges) {
      for (const to of edges.filter((edge) => edge >= from)) {
        expect(Buffer.compare(await shard.read(from, to), data.subarray(from, to))).toBe(0);
      }
    }
    await expect(shard.read(0, data.length + 1)).rejects.toThrow(RangeError);
  });

  it('fetches the footer and the frames of the columns that are asked for, and no others', async () => {
    const { shard, fetched } = await open();
    const file = asFile(shard);
    const metadata = await parquetMetadataAsync(file, { initialFetchSize: 8192 });
    const footerBytes = fetched();
    const rows = await parquetReadObjects({ file, metadata, columns: ['c3'], compressors });
    expect(rows).toHaveLength(ROWS);
    const chunks = metadata.row_groups.map(({ columns }) =>
      columns.find((one) => one.meta_data?.path_in_schema[0] === 'c3'),
    );
    const wanted = chunks.reduce((sum, chunk) => sum + Number(chunk?.meta_data?.total_compressed_size ?? 0), 0);
    // A chunk lies in its frames; those at its two ends hold others' bytes too, each frame with a tag.
    const most = wanted + metadata.row_groups.length * 2 * (FRAME_BYTES + 16) + Math.ceil(wanted / FRAME_BYTES) * 16;
    expect(fetched() - footerBytes).toBeGreaterThanOrEqual(wanted);
    expect(fetched() - footerBytes).toBeLessThanOrEqual(most);
    expect(footerBytes).toBeLessThan(6 * (FRAME_BYTES + 16));
    expect(fetched()).toBeLessThan(piece.length / 3);
  });

  it('fetches one row group of several', async () => {
    const { shard, fetched } = await open();
    const file = asFile(shard);
    const metadata = await parquetMetadataAsync(file, { initialFetchSize: 8192 });
    const [rowStart, count] = metadata.row_groups.map(({ num_rows: rows }) => Number(rows));
    if (rowStart === undefined || count === undefined) throw new Error('one row group only');
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd: rowStart + count, compressors });
    expect(rows.map((row) => Number(row['i']))).toEqual(Array.from({ length: count }, (_, i) => rowStart + i));
    expect(fetched()).toBeLessThan(piece.length / 2.5);
  });

  it('gives no byte of a frame that is another', async () => {
    const at = 4 + 115 + 5 * (FRAME_BYTES + 16);
    const changed = Uint8Array.from(piece);
    changed[at + 100] = (piece[at + 100] ?? 0) ^ 1;
    const { shard } = await open(changed);
    await expect(shard.read(5 * FRAME_BYTES, 5 * FRAME_BYTES + 10)).rejects.toMatchObject({ code: 'PIECE_CORRUPT' });
    const cut = await open(piece.subarray(0, at + 100));
    await expect(cut.shard.read(0, data.length)).rejects.toBeInstanceOf(WeighbridgeError);
  });
});
