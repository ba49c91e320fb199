import type { CsvHeader } from './csv-header.js';
import { parquetFormat, text, type Duck, type Row } from './duck.js';
import { malformed, malformedAt } from './source.js';

/** How a CSV column is read: the exact type is found afterwards, on all rows. */
export type Physical = 'DOUBLE' | 'VARCHAR';

/**
 * What is read of the file at once, at least the longest line that is taken. DuckDB's own 32 MiB are 100 MB more memory for a file of 100 MiB, and
 * a tenth more time to read it in: every page is touched for the first time.
 */
const BUFFER_BYTES = 4 << 20;

/** Parses the whole file. Every complaint of the parser is an error here. @returns the number of rows */
export async function loadCsv(
  duck: Duck,
  file: string,
  header: CsvHeader,
  types: Map<string, Physical>,
  target: string,
): Promise<number> {
  await duck.run('DROP TABLE IF EXISTS reject_errors');
  await duck.run('DROP TABLE IF EXISTS reject_scans');
  const source = scanCsv(file, header, types, 'store_rejects=true, rejects_limit=10');
  await parsing(async () =>
    duck.run(`COPY (SELECT * FROM ${source}) TO ${text(target)} ${parquetFormat(header.names.length, 'snappy')}`),
  );
  const rejects = await duck.rows(
    'SELECT line, column_idx, column_name, error_type FROM reject_errors ORDER BY line, column_idx LIMIT 1',
  );
  if (rejects[0] !== undefined) throw rejected(rejects[0], header);
  const { n } = await duck.row(`SELECT count(*) AS n FROM ${text(target)}`);
  return Number(n);
}

/** The file as a table, read by the letter: nothing sniffed, padded or skipped. */
export function scanCsv(
  file: string,
  { delimiter, names }: CsvHeader,
  types: Map<string, Physical>,
  extra: string,
): string {
  const columns = names.map((name) => `${text(name)}: '${types.get(name) ?? 'VARCHAR'}'`).join(', ');
  return `read_csv(${text(file)}, auto_detect=false, header=true, delim=${text(delimiter)}, quote='"', escape='"', strict_mode=true, null_padding=false, buffer_size=${BUFFER_BYTES}, columns={${columns}}, ${extra})`;
}

const FAULTS: Record<string, string> = {
  'MISSING COLUMNS': 'the row has too few fields',
  'TOO MANY COLUMNS': 'the row has too many fields',
  'UNQUOTED VALUE': 'a quote is not closed, or text stands outside it',
  'LINE SIZE OVER MAXIMUM': 'the line is longer than 2 MB',
  CAST: 'the value is not a number, while the rows before it are',
};

/** DuckDB counts the header as line 1, whatever line breaks stand in quotes. The value itself is not repeated. */
function rejected(reject: Row, { names, encoding }: CsvHeader): Error {
  const row = Number(reject['line']) - 1;
  // A field too many has no name.
  const column = String(reject['column_name'] ?? reject['column_idx']);
  const type = String(reject['error_type']);
  if (type === 'INVALID ENCODING') return notEncoded(row, column, encoding);
  const what = FAULTS[type] ?? `the row cannot be read (${type.toLowerCase()})`;
  const next =
    type === 'CAST'
      ? 'Correct the value, leave it empty if it is missing, or declare the column as {"type": "string"} in the columns file.'
      : `Correct the row so that it has ${names.length} fields like the header, in UTF-8, with quotes closed.`;
  return malformedAt(row, column, what, next);
}

function notEncoded(row: number, column: string, encoding: string): Error {
  const name = encoding === 'utf-8' ? 'UTF-8' : encoding;
  return malformedAt(
    row,
    column,
    `the text is not ${name}`,
    'Name the encoding of the file with --encoding, such as latin1 or utf-16le, or correct the value.',
  );
}

/** Runs a query over the file, with the parser's own complaints in our words. */
export async function parsing<T>(query: () => Promise<T>): Promise<T> {
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
