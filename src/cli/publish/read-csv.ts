import path from 'node:path';
import { readCsvHeader, type CsvHeader } from './csv-header.js';
import type { DeclaredColumns } from './declared-columns.js';
import { ident, parquetRows, text, type Duck, type Row } from './duck.js';
import { csvColumn, type CsvStats } from './csv-column.js';
import { emptyData, malformed, malformedAt, type Source } from './source.js';

const SAMPLE_ROWS = 20_480;
/** Whole numbers beyond this do not survive a double. */
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

type Physical = 'DOUBLE' | 'VARCHAR';

/**
 * Reads a CSV file strictly into a Parquet file of numbers and texts, then decides each column's type on all rows. A row
 * with a field too many or too few, a broken quote, or a word among numbers is refused with its place, never repaired.
 * @param file - a path without characters that DuckDB would expand
 * @throws WeighbridgeError MALFORMED_DATA naming row and column, EMPTY_DATA
 */
export async function readCsv(
  duck: Duck,
  file: string,
  privateDir: string,
  declared: DeclaredColumns,
): Promise<Source> {
  const header = await readCsvHeader(file);
  const parquetFile = path.join(privateDir, 'source.parquet');
  const types = await guessTypes(duck, file, header, declared);
  let rowCount = await load(duck, file, header, types, parquetFile);
  if (rowCount === 0) throw emptyData('the file');
  let stats = await gatherStats(duck, parquetFile, header, types);
  const long = stats.filter((column) => column.physical === 'DOUBLE' && column.largest > MAX_SAFE);
  if (long.length > 0) {
    // Long whole numbers turned up after the sample: read those columns again as text, which loses nothing.
    for (const { name } of long) types.set(name, 'VARCHAR');
    rowCount = await load(duck, file, header, types, parquetFile);
    stats = await gatherStats(duck, parquetFile, header, types);
  }
  const firstRow = async (where: string) => {
    const { row } = await duck.row(
      `SELECT min(file_row_number) + 1 AS row FROM ${parquetRows(parquetFile)} WHERE ${where}`,
    );
    return Number(row);
  };
  const columns = [];
  for (const column of stats) columns.push(await csvColumn(column, declared[column.name], firstRow));
  return { parquetFile, columns, rowCount };
}

/** A column is read as numbers if the first rows hold nothing else, so that most files are parsed once. */
async function guessTypes(
  duck: Duck,
  file: string,
  header: CsvHeader,
  declared: DeclaredColumns,
): Promise<Map<string, Physical>> {
  const all = new Map<string, Physical>(header.names.map((name) => [name, 'VARCHAR']));
  const sample = `(SELECT * FROM ${scan(file, header, all, 'ignore_errors=true')} LIMIT ${SAMPLE_ROWS})`;
  const counts = header.names.map((name, i) => {
    const number = `TRY_CAST(${ident(name)} AS DOUBLE)`;
    return `count(${ident(name)}) AS n${i}, count(${number}) AS d${i}, count_if(abs(${number}) > ${MAX_SAFE}) AS l${i}`;
  });
  const row = await parse(() => duck.row(`SELECT ${counts.join(', ')} FROM ${sample}`));
  header.names.forEach((name, i) => {
    const n = Number(row[`n${i}`]);
    const allNumbers = n > 0 && n === Number(row[`d${i}`]) && Number(row[`l${i}`]) === 0;
    const type = declared[name]?.type;
    if (type === undefined ? allNumbers : allNumbers && type !== 'string') all.set(name, 'DOUBLE');
  });
  return all;
}

/** Parses the whole file. Every complaint of the parser is an error here. @returns the number of rows */
async function load(
  duck: Duck,
  file: string,
  header: CsvHeader,
  types: Map<string, Physical>,
  target: string,
): Promise<number> {
  await duck.run('DROP TABLE IF EXISTS reject_errors');
  await duck.run('DROP TABLE IF EXISTS reject_scans');
  const source = scan(file, header, types, 'store_rejects=true, rejects_limit=10');
  await parse(() => duck.run(`COPY (SELECT * FROM ${source}) TO ${text(target)} (FORMAT parquet, COMPRESSION snappy)`));
  const rejects = await duck.rows(
    'SELECT line, column_idx, column_name, error_type FROM reject_errors ORDER BY line, column_idx LIMIT 1',
  );
  if (rejects[0] !== undefined) throw rejected(rejects[0], header);
  const { n } = await duck.row(`SELECT count(*) AS n FROM ${text(target)}`);
  return Number(n);
}

function scan(file: string, { delimiter, names }: CsvHeader, types: Map<string, Physical>, extra: string): string {
  const columns = names.map((name) => `${text(name)}: '${types.get(name) ?? 'VARCHAR'}'`).join(', ');
  return `read_csv(${text(file)}, auto_detect=false, header=true, delim=${text(delimiter)}, quote='"', escape='"', strict_mode=true, null_padding=false, columns={${columns}}, ${extra})`;
}

async function gatherStats(
  duck: Duck,
  parquetFile: string,
  { names }: CsvHeader,
  types: Map<string, Physical>,
): Promise<CsvStats[]> {
  const counts = names.map((name, i) => {
    const c = ident(name);
    if (types.get(name) === 'DOUBLE') {
      return `count(${c}) AS n${i}, count_if(${c} = trunc(${c})) AS i${i}, count_if(isfinite(${c})) AS f${i}, coalesce(max(CASE WHEN isfinite(${c}) THEN abs(${c}) END), 0) AS m${i}`;
    }
    return (
      `count(${c}) AS n${i}, count_if(TRY_CAST(${c} AS BIGINT)::VARCHAR = trim(${c})) AS i${i}, ` +
      `count(TRY_CAST(${c} AS DOUBLE)) AS d${i}, count_if(isfinite(TRY_CAST(${c} AS DOUBLE))) AS f${i}, ` +
      `count_if(lower(${c}) IN ('true', 'false')) AS b${i}`
    );
  });
  const row = await duck.row(`SELECT ${counts.join(', ')} FROM ${text(parquetFile)}`);
  const count = (key: string) => Number(row[key] ?? 0);
  return names.map((name, i) => {
    const physical = types.get(name) ?? 'VARCHAR';
    const filled = count(`n${i}`);
    return {
      name,
      physical,
      filled,
      integers: count(`i${i}`),
      numbers: physical === 'DOUBLE' ? filled : count(`d${i}`),
      finite: count(`f${i}`),
      booleans: count(`b${i}`),
      largest: count(`m${i}`),
    };
  });
}

const FAULTS: Record<string, string> = {
  'MISSING COLUMNS': 'the row has too few fields',
  'TOO MANY COLUMNS': 'the row has too many fields',
  'UNQUOTED VALUE': 'a quote is not closed, or text stands outside it',
  'INVALID ENCODING': 'the text is not UTF-8',
  'LINE SIZE OVER MAXIMUM': 'the line is longer than 2 MB',
  CAST: 'the value is not a number, while the rows before it are',
};

/** DuckDB counts the header as line 1, whatever line breaks stand in quotes. The value itself is not repeated. */
function rejected(reject: Row, { names }: CsvHeader): Error {
  const row = Number(reject['line']) - 1;
  // A field too many has no name.
  const column = String(reject['column_name'] ?? reject['column_idx']);
  const type = String(reject['error_type']);
  const what = FAULTS[type] ?? `the row cannot be read (${type.toLowerCase()})`;
  const next =
    type === 'CAST'
      ? 'Correct the value, leave it empty if it is missing, or declare the column as {"type": "string"} in the columns file.'
      : `Correct the row so that it has ${names.length} fields like the header, in UTF-8, with quotes closed.`;
  return malformedAt(row, column, what, next);
}

async function parse<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof Error && /state machine|not utf-8|new_?line/i.test(error.message)) {
      const line = /CSV Error on Line: (\d+)/.exec(error.message)?.[1];
      const where = line === undefined ? '' : ` near line ${line}`;
      throw malformed(
        `the file is not a CSV file that can be read strictly${where}`,
        'Save it as UTF-8 with the same line ends throughout and every quote closed.',
      );
    }
    throw error;
  }
}
