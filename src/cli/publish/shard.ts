import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';
import { ident, parquetFormat, parquetRows, text, type Duck } from './duck.js';
import type { Source } from './source.js';

/** One Parquet file of plaintext rows, in the private directory. The consumer deletes it when it is encrypted. */
export interface Shard {
  file: string;
  rowCount: number;
  sizeBytes: number;
}

/**
 * Writes the dataset as Parquet shards, in file order, each at most `maxBytes`: one at a time, so that no more than one
 * plaintext shard lies on the disk. What comes out depends on the rows alone: no path, host or time is in it.
 * @throws WeighbridgeError TOO_LARGE if one row alone is larger than a piece
 */
export async function* writeShards(
  duck: Duck,
  source: Source,
  privateDir: string,
  maxBytes: number,
): AsyncGenerator<Shard> {
  const pending: { from: number; rowCount: number }[] = [{ from: 0, rowCount: source.rowCount }];
  for (let number = 0, range = pending.shift(); range !== undefined; range = pending.shift()) {
    const file = path.join(privateDir, `shard-${number}.parquet`);
    await writeRows(duck, source, range, file);
    const { size } = await stat(file);
    if (size <= maxBytes) {
      number++;
      yield { file, rowCount: range.rowCount, sizeBytes: size };
      continue;
    }
    await rm(file);
    pending.unshift(...split(range, size, maxBytes));
  }
}

async function writeRows(
  duck: Duck,
  source: Source,
  range: { from: number; rowCount: number },
  file: string,
): Promise<void> {
  const select = source.columns.map(({ name, sql }) => `${sql} AS ${ident(name)}`).join(', ');
  const whole = range.rowCount === source.rowCount;
  const where = whole
    ? ''
    : ` WHERE file_row_number >= ${range.from} AND file_row_number < ${range.from + range.rowCount}`;
  await duck.run(
    `COPY (SELECT ${select} FROM ${parquetRows(source.parquetFile)}${where}) TO ${text(file)} ${parquetFormat(source.columns.length, 'zstd')}`,
  );
}

/** Cuts a range that came out too large into equal parts that should fit; if one does not, it is cut again. */
function split(
  range: { from: number; rowCount: number },
  size: number,
  maxBytes: number,
): { from: number; rowCount: number }[] {
  if (range.rowCount === 1) {
    throw new WeighbridgeError('TOO_LARGE', `row ${range.from + 1} alone is larger than a piece may be`, {
      next: 'Leave the row out, cut its longest text, or raise --shard-bytes.',
      details: { row: range.from + 1 },
    });
  }
  const parts = Math.min(range.rowCount, Math.max(2, Math.ceil((size / maxBytes) * 1.1)));
  const rowsEach = Math.ceil(range.rowCount / parts);
  return Array.from({ length: Math.ceil(range.rowCount / rowsEach) }, (_, i) => ({
    from: range.from + i * rowsEach,
    rowCount: Math.min(rowsEach, range.rowCount - i * rowsEach),
  }));
}
