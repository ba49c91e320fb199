import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { StepTimer } from '../../storage/index.js';
import { readCsvHeader, type CsvHeader } from './csv-header.js';
import { scanCsv, type Physical } from './csv-scan.js';
import { copySlice, cutIntoSlices, LEAST_SLICE_BYTES, type Slice, type SlicedCsv } from './csv-slices.js';
import { guessTypes, MAX_SAFE } from './csv-types.js';
import { ident, parquetFormat, text, type Duck, type Row, type Statements } from './duck.js';
import type { PublishPlan } from './plan.js';
import { shardSelect, type Shard } from './shard.js';
import { layoutOf } from './shard-layout.js';
import type { SourceColumn } from './source.js';
import { encodingOf } from './transcode.js';

/** A file of numbers, about to become shards. */
export interface NumberShards {
  columns: SourceColumn[];
  /** Of all shards, more or less. */
  expected: { rowCount: number; sizeBytes: number };
  /** In the order of the file. They end with an error if something is not as the first rows suggest: then the file is to be read with care. */
  shards: AsyncGenerator<NumberShard>;
}

export interface NumberShard extends Shard {
  /** As they stand in it, and whether each row has a value. */
  columns: SourceColumn[];
}

/** Of more columns it is not known whether they are of whole numbers. */
const MOST_COLUMNS = 256;
const NUMBER_BYTES = 8;
/** Less than of other files: a guess that is wrong costs no more than reading the file as those are read. */
const SAMPLE_BYTES = 512 << 10;
/** What a row of numbers is of, and what is between them. */
const NUMBERS = /^[-+.\deE\s,;|]+$/;

/**
 * A large CSV file that holds nothing but numbers becomes shards at one go, each slice of it a shard, read, ordered and written while the ones before are sent.
 * No other file of all rows lies in between, which was a quarter of the work. What is looked at in other files before they are cut, DuckDB counts here
 * while it writes a shard, so it is known of each before it is sent.
 * @param leastBytes - of a slice
 * @returns undefined for any other file
 */
export async function numberShards(
  duck: Duck,
  { file, encoding: named, declared, keepOrder }: Pick<PublishPlan, 'file' | 'encoding' | 'declared' | 'keepOrder'>,
  privateDir: string,
  time: StepTimer,
  leastBytes = LEAST_SLICE_BYTES,
): Promise<NumberShards | undefined> {
  const encoding = await encodingOf(file, named);
  const csv = encoding === 'utf-8' ? await cutIntoSlices(file, leastBytes) : undefined;
  if (csv === undefined || !NUMBERS.test(Buffer.from(csv.firstRow).toString('latin1'))) return undefined;
  const header = await readCsvHeader(file, encoding);
  const { types, fractional } = await guessTypes(duck, file, privateDir, header, declared, SAMPLE_BYTES);
  // In a file of one column an empty line is a row.
  const fits = header.names.length > 1 && header.names.length <= MOST_COLUMNS;
  if (!fits || header.names.some((name) => types.get(name) !== 'DOUBLE')) return undefined;
  const columns = header.names.map((name): SourceColumn => {
    const sql = ident(name);
    if (fractional.has(name) || declared[name]?.type === 'number') return { name, type: 'number', sql };
    return { name, type: 'integer', sql: wholeSql(sql) };
  });
  const dir = path.join(privateDir, 'numbers');
  const csvBytes = csv.slices.at(-1)?.to ?? 0;
  // Digits take about twice the room that numbers do in Parquet.
  const expected = { rowCount: Math.round(csvBytes / csv.firstRow.length), sizeBytes: csvBytes / 2 };
  return { columns, expected, shards: shardsOf(duck, { csv, header, types, columns, dir, keepOrder, time }) };
}

/** A whole number that a double holds exactly; anything else ends the statement. */
function wholeSql(c: string): string {
  const isWhole = `${c} IS NULL OR (${c} = trunc(${c}) AND abs(${c}) <= ${MAX_SAFE})`;
  return `CASE WHEN ${isWhole} THEN CAST(${c} AS BIGINT) ELSE error('not a whole number') END`;
}

interface Work {
  csv: SlicedCsv;
  header: CsvHeader;
  types: Map<string, Physical>;
  columns: SourceColumn[];
  /** For slices and shards. */
  dir: string;
  keepOrder: boolean;
  time: StepTimer;
}

async function* shardsOf(duck: Duck, work: Work): AsyncGenerator<NumberShard> {
  await mkdir(work.dir, { mode: 0o700 });
  const side = await duck.sideBySide();
  const cuts: Promise<string>[] = [];
  const cut = cutter(work, cuts);
  try {
    const shards = work.csv.slices.map(async (_, number) =>
      side.run(async (statements) => {
        const slice = await cut(number);
        cut(number + side.atOnce).catch(() => undefined); // looked at in its turn
        return work.time('data path: shards written', async () => writeShard(statements, work, number, slice));
      }),
    );
    for (const shard of shards) shard.catch(() => undefined); // looked at below, in order
    for (const shard of shards) yield await shard;
  } finally {
    await side.close();
    await Promise.allSettled(cuts);
  }
}

/** Each slice as a file of its own, made once. */
function cutter({ csv, dir }: Work, cuts: Promise<string>[]): (number: number) => Promise<string> {
  const make = async (number: number, slice: Slice): Promise<string> => {
    const file = path.join(dir, `${number}.csv`);
    await copySlice(csv, slice, file);
    return file;
  };
  return async (number) => {
    const slice = csv.slices[number];
    if (slice === undefined) return '';
    return (cuts[number] ??= make(number, slice));
  };
}

async function writeShard(
  statements: Statements,
  { header, types, columns, dir, keepOrder }: Work,
  number: number,
  slice: string,
): Promise<NumberShard> {
  const file = path.join(dir, `${number}.parquet`);
  const select = shardSelect(columns, scanCsv(slice, header, types, 'parallel=true'), keepOrder);
  const format = parquetFormat(columns.length, 'zstd', columns.length * NUMBER_BYTES, 'RETURN_STATS');
  const row = await statements.row(`COPY (${select}) TO ${text(file)} ${format}`);
  await rm(slice);
  const counted = countedIn(row);
  const seen = columns.map(({ name, type }) => finite(name, type, counted.get(ident(name))));
  const sizeBytes = Number(row['file_size_bytes']);
  const layout = await layoutOf(statements, { file, sizeBytes }, columns.length);
  return { file, rowCount: Number(row['count']), sizeBytes, layout, columns: seen };
}

interface Entry<T> {
  key: string;
  value: T;
}
type Counted = Map<string, string>;

/** By column, as an identifier. */
function countedIn(row: Row): Map<string, Counted> {
  const columns = row['column_statistics'] as Entry<Entry<string>[]>[];
  return new Map(columns.map(({ key, value }) => [key, new Map(value.map((one) => [one.key, one.value]))]));
}

/** @throws Error if a number is not finite */
function finite(name: string, type: SourceColumn['type'], counted: Counted | undefined): SourceColumn {
  // A column without any value has no ends.
  const ends = [counted?.get('min'), counted?.get('max')].filter((end) => end !== undefined);
  if (counted?.get('has_nan') === 'true' || !ends.every((end) => Number.isFinite(Number(end)))) {
    throw new Error('a number is not finite');
  }
  return { name, type, sql: ident(name), complete: counted?.get('null_count') === '0' };
}
