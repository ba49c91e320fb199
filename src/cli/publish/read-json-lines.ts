import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { columnOf, WIDE_INTEGERS, type PhysicalColumn } from './column-of.js';
import { assertDistinct } from './csv-header.js';
import type { DeclaredColumn, DeclaredColumns } from './declared-columns.js';
import { ident, parquetFormat, parquetRows, text, type Duck } from './duck.js';
import { emptyData, malformed, malformedAt, type Source, type SourceColumn } from './source.js';
import { refuseRounded, refuseTooLarge } from './whole-numbers.js';

/**
 * Reads newline-delimited JSON, one object a line. Keys that a line lacks are missing values.
 * @throws WeighbridgeError MALFORMED_DATA naming row and column, EMPTY_DATA
 */
export async function readJsonLines(
  duck: Duck,
  file: string,
  privateDir: string,
  declared: DeclaredColumns,
): Promise<Omit<Source, 'sizeBytes'>> {
  const parquetFile = path.join(privateDir, 'source.parquet');
  let physical: PhysicalColumn[];
  try {
    // Depth 2 keeps what is nested as JSON, which is refused below by name. All rows decide the types.
    const described = await duck.rows(`DESCRIBE SELECT * FROM ${scanJson(file, 'sample_size=-1, maximum_depth=2')}`);
    physical = described.map(({ column_name: name, column_type: type }) =>
      // Digits that are to be kept must not become a double on the way, as Parquet has no whole numbers that are wider.
      ({ name: String(name), duckType: keepsDigits(declared[String(name)], String(type)) ? 'VARCHAR' : String(type) }),
    );
    const scan = scanJson(file, columnsOf(physical));
    await duck.run(`COPY (SELECT * FROM ${scan}) TO ${text(parquetFile)} ${parquetFormat(physical.length, 'snappy')}`);
  } catch (error) {
    await explain(file, error);
    throw error;
  }
  const { n } = await duck.row(`SELECT count(*) AS n FROM ${text(parquetFile)}`);
  if (Number(n) === 0) throw emptyData('the file');
  assertDistinct(physical.map(({ name }) => name));
  const columns = [];
  for (const column of physical) {
    const own = declared[column.name];
    if (column.duckType === 'JSON[]') columns.push(await listColumn(duck, parquetFile, column.name));
    else if (column.duckType === 'JSON') columns.push(await mixedColumn(duck, parquetFile, column.name, own));
    else columns.push(columnOf(column, own));
  }
  await refuseTooLarge(duck, parquetFile, physical, columns);
  const doubles = physical.filter(({ name, duckType }) => duckType === 'DOUBLE' && declared[name]?.type === undefined);
  await refuseRounded(duck, parquetFile, doubles, async (long) => {
    const digits = path.join(privateDir, 'digits.parquet');
    const scan = scanJson(file, columnsOf(long.map(({ name }) => ({ name, duckType: 'VARCHAR' }))));
    await duck.run(`COPY (SELECT * FROM ${scan}) TO ${text(digits)} ${parquetFormat(long.length, 'snappy')}`);
    return digits;
  });
  return { parquetFile, columns, rowCount: Number(n) };
}

function scanJson(file: string, options: string): string {
  return `read_json(${text(file)}, format='newline_delimited', records=true, ${options})`;
}

function columnsOf(physical: readonly PhysicalColumn[]): string {
  return `columns={${physical.map(({ name, duckType }) => `${text(name)}: ${text(duckType)}`).join(', ')}}`;
}

function keepsDigits(own: DeclaredColumn | undefined, duckType: string): boolean {
  return own?.type === 'string' && (duckType === 'DOUBLE' || WIDE_INTEGERS.has(duckType));
}

/** DuckDB calls a column JSON when its values have no type in common, when they are nested, or when all are null. */
async function mixedColumn(
  duck: Duck,
  parquetFile: string,
  name: string,
  declared: DeclaredColumn | undefined,
): Promise<SourceColumn> {
  const sql = ident(name);
  const kinds = await duck.rows(
    `SELECT json_type(${sql}) AS kind, count(*) AS n, min(file_row_number) + 1 AS row FROM ${parquetRows(parquetFile)} ` +
      `WHERE ${sql} IS NOT NULL AND json_type(${sql}) != 'NULL' GROUP BY kind ORDER BY n, row`,
  );
  const nested = kinds.find(({ kind }) => kind === 'OBJECT' || kind === 'ARRAY');
  if (nested)
    throw malformedAt(
      Number(nested['row']),
      name,
      'the value is nested',
      'Flatten it into plain columns of numbers, true/false and text.',
    );
  if (kinds.length === 0 || declared?.type === 'string') return { name, type: 'string', sql: `${sql} ->> '$'` };
  throw malformedAt(
    Number(kinds[0]?.['row']),
    name,
    'the value has another type than most of the column',
    'Give all rows of the column one type, or declare it as {"type": "string"} in the columns file.',
  );
}

/** Every value of the column is a list; so deep, DuckDB leaves what is in it as JSON. */
async function listColumn(duck: Duck, parquetFile: string, name: string): Promise<SourceColumn> {
  const sql = ident(name);
  const others = `len(list_filter(${sql}, x -> json_type(x) NOT IN ('BIGINT', 'UBIGINT', 'DOUBLE'))) > 0`;
  const { row } = await duck.row(
    `SELECT min(CASE WHEN ${others} THEN file_row_number END) + 1 AS row FROM ${parquetRows(parquetFile)}`,
  );
  if (row === null || row === undefined) return { name, type: 'tensor', sql: `CAST(${sql} AS DOUBLE[])` };
  throw malformedAt(
    Number(row),
    name,
    'the value is a list of something else than numbers',
    'Give every row a plain value or a list of numbers.',
  );
}

/** DuckDB is off by a line here and there: finds the line by itself. Returns if every line is an object with distinct keys. */
async function explain(file: string, cause: unknown): Promise<void> {
  let row = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (line.trim() === '') continue;
    row++;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw malformed(`row ${row} is not valid JSON`, 'Write one complete JSON object on each line.', { row });
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw malformed(`row ${row} is not a JSON object`, 'Write each row as {"column": value, ...}.', { row });
    }
  }
  if (row === 0) throw emptyData('the file');
  const duplicate = /in line (\d+): Object .* has duplicate key "(.*)"/.exec(
    cause instanceof Error ? cause.message : '',
  );
  if (duplicate)
    throw malformedAt(
      Number(duplicate[1]),
      String(duplicate[2]),
      'the key is there twice',
      'Name each key once in a row.',
    );
}
