import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';
import { MAX_SHARD_BYTES, type StepTimer } from '../../storage/index.js';
import { ident, parquetFormat, parquetRows, rowsAtOnce, text, writingThreads, type Duck } from './duck.js';
import type { PublishPlan } from './plan.js';
import { layoutOf } from './shard-layout.js';
import type { Source } from './source.js';

/** One Parquet file of plaintext rows, in the private directory. The consumer deletes it when it is encrypted. */
export interface Shard {
  file: string;
  rowCount: number;
  sizeBytes: number;
  /** For the index of its piece; empty for none. */
  layout: Uint8Array;
  /** Of rows that are held out. */
  holdout?: true;
}

interface Range {
  from: number;
  rowCount: number;
}

/**
 * A shard is at least so large, unless the seller says otherwise: several are on their way while the next one is written, and
 * after the last one is written little is left to send.
 */
const LEAST_BYTES = 8 << 20;
/**
 * And a dataset has about so many at most: each is named in the manifest and in the log. Fewer would be larger, and to sort a larger one
 * takes more memory.
 */
const MOST_SHARDS = 256;

/**
 * Writes the dataset as Parquet shards, each from a range of rows of the file. Inside a shard the rows stand in an order
 * that follows from their values alone, so that the order of the file (by date, by patient, by label) tells nobody
 * anything; `keepOrder` leaves them as they are. What comes out depends on the rows alone: no path, host or time is in it.
 * @param prefix - of file names: shards of another source may still be on their way from the same directory
 * @throws WeighbridgeError TOO_LARGE if one row alone is larger than a shard may be
 */
export async function* writeShards(
  duck: Duck,
  source: Source,
  privateDir: string,
  { shardBytes, keepOrder }: Pick<PublishPlan, 'shardBytes' | 'keepOrder'>,
  time: StepTimer,
  prefix = 'shard',
): AsyncGenerator<Shard> {
  const maxBytes = shardBytes ?? MAX_SHARD_BYTES;
  const wanted = shardBytes ?? Math.min(MAX_SHARD_BYTES, Math.max(LEAST_BYTES, source.sizeBytes / MOST_SHARDS));
  const pending = rangesOf(source, wanted);
  await duck.run(`SET threads = ${writingThreads()}`);
  for (let number = 0, range = pending.shift(); range !== undefined; range = pending.shift()) {
    const file = path.join(privateDir, `${prefix}-${number}.parquet`);
    const rows = range;
    await time('data path: shards written', async () => writeRows(duck, source, rows, keepOrder, file));
    // What each leaves behind in the allocators adds up: 40 MB after a hundred.
    await duck.trim();
    const { size } = await stat(file);
    if (size <= maxBytes) {
      number++;
      const layout = await layoutOf(duck, { file, sizeBytes: size }, source.columns.length);
      yield { file, rowCount: range.rowCount, sizeBytes: size, layout };
      continue;
    }
    await rm(file);
    pending.unshift(...split(range, size, maxBytes));
  }
}

/** Equal ranges of whole row groups of the source, of which others need not be read then. */
function rangesOf({ rowCount, sizeBytes, columns }: Source, wantedBytes: number): Range[] {
  const parts = Math.max(1, Math.round(sizeBytes / wantedBytes));
  const group = rowsAtOnce(columns.length, sizeBytes / rowCount);
  const rowsEach = Math.ceil(rowCount / parts);
  const aligned = rowsEach > group ? Math.ceil(rowsEach / group) * group : rowsEach;
  return equalRanges({ from: 0, rowCount }, aligned);
}

async function writeRows(duck: Duck, source: Source, range: Range, keepOrder: boolean, file: string): Promise<void> {
  const columns = source.columns.map(({ name, sql }) => `${sql} AS ${ident(name)}`).join(', ');
  const whole = range.rowCount === source.rowCount;
  const where = whole
    ? ''
    : ` WHERE file_row_number >= ${range.from} AND file_row_number < ${range.from + range.rowCount}`;
  const rows = `SELECT ${columns} FROM ${parquetRows(source.parquetFile)}${where}`;
  const names = source.columns.map(({ name }) => ident(name)).join(', ');
  const select = keepOrder ? rows : `SELECT * FROM (${rows}) ORDER BY hash(${names})`;
  await duck.run(
    `COPY (${select}) TO ${text(file)} ${parquetFormat(source.columns.length, 'zstd', source.sizeBytes / source.rowCount)}`,
  );
}

/** Cuts a range that came out too large into equal parts that should fit; if one does not, it is cut again. */
function split(range: Range, size: number, maxBytes: number): Range[] {
  if (range.rowCount === 1) {
    throw new WeighbridgeError('TOO_LARGE', `row ${range.from + 1} alone is larger than a piece may be`, {
      next: 'Leave the row out, cut its longest text, or raise --shard-bytes.',
      details: { row: range.from + 1 },
    });
  }
  const parts = Math.min(range.rowCount, Math.max(2, Math.ceil((size / maxBytes) * 1.1)));
  return equalRanges(range, Math.ceil(range.rowCount / parts));
}

function equalRanges({ from, rowCount }: Range, rowsEach: number): Range[] {
  return Array.from({ length: Math.ceil(rowCount / rowsEach) }, (_, i) => ({
    from: from + i * rowsEach,
    rowCount: Math.min(rowsEach, rowCount - i * rowsEach),
  }));
}
