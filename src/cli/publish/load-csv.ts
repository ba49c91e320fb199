import { createReadStream } from 'node:fs';
import { WeighbridgeError } from '../../kernel/index.js';
import { counted } from '../ui/text.js';
import type { CsvHeader } from './csv-header.js';
import { parsing, scanCsv, type Physical } from './csv-scan.js';
import { parquetFormat, text, type Duck, type Row } from './duck.js';
import { malformed, malformedAt } from './source.js';

/**
 * Parses the whole file into a Parquet file. Every complaint of the parser is an error here.
 *
 * DuckDB begins in several places at once, at what looks like a row, and complains if its parts do not join: a text of many lines that are like rows
 * deceives it. So a complaint is believed only once the file was read from its beginning to its end. Rows are put aside and named only then, too:
 * with that asked for, DuckDB does not hold its parts against each other.
 * @returns the number of rows
 * @throws WeighbridgeError MALFORMED_DATA naming row and column, DISK_FULL
 */
export async function loadCsv(
  duck: Duck,
  file: string,
  header: CsvHeader,
  types: Map<string, Physical>,
  target: string,
): Promise<number> {
  const load = async (extra: string): Promise<number> => {
    const source = scanCsv(file, header, types, extra);
    const format = parquetFormat(header.names.length, 'snappy');
    await duck.run(`COPY (SELECT * FROM ${source}) TO ${text(target)} ${format}`);
    const { n } = await duck.row(`SELECT count(*) AS n FROM ${text(target)}`);
    return Number(n);
  };
  try {
    return await load('parallel=true');
  } catch (error) {
    if (error instanceof WeighbridgeError) throw error;
  }
  await duck.run('DROP TABLE IF EXISTS reject_errors');
  await duck.run('DROP TABLE IF EXISTS reject_scans');
  const rowCount = await parsing(async () => load('parallel=false, store_rejects=true, rejects_limit=10'));
  const [reject] = await duck.rows(
    'SELECT line, column_idx, column_name, error_type FROM reject_errors ORDER BY line, column_idx LIMIT 1',
  );
  if (reject !== undefined) throw rejected(reject, header);
  // Read in one go, DuckDB leaves out a last row that never ends, without a word.
  if (await hasOpenQuote(file))
    throw malformed(`row ${rowCount + 1}: a quote is not closed`, correct(header), { row: rowCount + 1 });
  return rowCount;
}

const QUOTE = 0x22;

/** RFC 4180 section 2: quotes around a field and within it come in pairs. */
async function hasOpenQuote(file: string): Promise<boolean> {
  let quotes = 0;
  for await (const bytes of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    for (let at = bytes.indexOf(QUOTE); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) quotes++;
  }
  return quotes % 2 === 1;
}

const FAULTS: Record<string, string> = {
  'MISSING COLUMNS': 'the row has too few fields',
  'TOO MANY COLUMNS': 'the row has too many fields',
  'UNQUOTED VALUE': 'a quote is not closed, or text stands outside it',
  'LINE SIZE OVER MAXIMUM': 'the line is longer than 2 MB',
  CAST: 'the value is not a number, while the rows before it are',
};

/** DuckDB counts the header as line 1, whatever line breaks stand in quotes. The value itself is not repeated. */
function rejected(reject: Row, header: CsvHeader): Error {
  const row = Number(reject['line']) - 1;
  // A field too many has no name.
  const column = String(reject['column_name'] ?? reject['column_idx']);
  const type = String(reject['error_type']);
  if (type === 'INVALID ENCODING') return notEncoded(row, column, header.encoding);
  const what = FAULTS[type] ?? `the row cannot be read (${type.toLowerCase()})`;
  const next =
    type === 'CAST'
      ? 'Correct the value, leave it empty if it is missing, or declare the column as {"type": "string"} in the columns file.'
      : correct(header);
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

function correct({ names }: CsvHeader): string {
  return `Correct the row so that it has ${counted(names.length, 'field')} like the header, in UTF-8, with quotes closed.`;
}
