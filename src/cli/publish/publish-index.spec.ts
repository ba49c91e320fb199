// Real and faked: see test/support/publishing.ts. The index is read as a worker reads it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { memoryParts } from '../../../test/support/memory-parts.js';
import { dir, manifest, plaintextOf, publishing, run, world } from '../../../test/support/publishing.js';
import { indexKeyOf, readColumns, unwrapShardKey } from '../../storage/index.js';

publishing();

const COLUMNS = 24;

describe('a shard of some size', () => {
  it('has an index in its piece, by which the frames of a column are found', async () => {
    const duck = await (await DuckDBInstance.create(':memory:')).connect();
    const columns = Array.from({ length: COLUMNS - 1 }, (_, i) => `hash(i * 100 + ${i}) / 1e19 AS x${i}`).join(', ');
    const data = path.join(dir, 'wide.parquet');
    await duck.run(`COPY (SELECT ${columns}, i % 2 AS y FROM range(20000) t(i)) TO '${data}' (FORMAT parquet)`);
    await writeFile(path.join(dir, 'wide.columns.json'), '{"y": {"vocabulary": [0, 1]}}');
    await run({}, 'wide.parquet');
    const { keyId, pieces, columns: listed } = manifest();
    const [piece] = pieces;
    if (piece === undefined || pieces.length > 1) throw new Error('one piece');
    const { shardId, pieceCid } = piece;
    const place = { keyId, shardId, number: 0, count: 1 };
    const key = unwrapShardKey(world.dataKey ?? Buffer.alloc(0), place, Buffer.from(piece.wrappedKey, 'hex'));
    const parts = memoryParts(new Map(world.uploads.map((upload) => [upload.pieceCid, upload.bytes])));
    const { signal } = new AbortController();
    const wanted = [listed.findIndex(({ name }) => name === 'x5'), COLUMNS - 1];
    const some = await readColumns(parts, pieceCid, indexKeyOf(key, shardId), wanted, signal);
    expect(some?.chosen?.length).toBeGreaterThan(0);
    expect(parts.readBytes).toBeLessThan(piece.sizeBytes * 0.75);
    // Which bytes those are, DuckDB says of the file itself.
    const file = path.join(dir, 'opened.parquet');
    await writeFile(file, await plaintextOf(0));
    const chunks = await duck.runAndReadAll(
      `SELECT coalesce(dictionary_page_offset, data_page_offset)::DOUBLE, total_compressed_size::DOUBLE
      FROM parquet_metadata('${file}') WHERE path_in_schema IN ('x5', 'y')`,
    );
    duck.closeSync();
    const { frameBytes } = manifest().encryption;
    for (const [from, bytes] of chunks.getRows() as [number, number][]) {
      expect(some?.chosen).toContain(Math.floor((from + 8) / frameBytes));
      expect(some?.chosen).toContain(Math.floor((from + 8 + bytes - 1) / frameBytes));
    }
    expect(chunks.currentRowCount).toBe(2);
  });

  it('has none if it is small', async () => {
    await run();
    const [piece] = manifest().pieces;
    const parts = memoryParts(new Map(world.uploads.map((upload) => [upload.pieceCid, upload.bytes])));
    const some = readColumns(parts, piece?.pieceCid ?? '', new Uint8Array(32), [0], new AbortController().signal);
    expect(await some).toBeUndefined();
  });
});
