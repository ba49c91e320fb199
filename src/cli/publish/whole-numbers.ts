import { WIDE_INTEGERS, type PhysicalColumn } from './column-of.js';
import { ident, parquetRows, type Duck } from './duck.js';
import { malformedAt, type SourceColumn } from './source.js';

/**
 * Whole numbers are kept to the last digit or refused: rounded to a double, ids that differ would become one.
 * @throws WeighbridgeError MALFORMED_DATA naming the first row with a number outside 64 bits
 */
export async function refuseTooLarge(
  duck: Duck,
  parquetFile: string,
  physical: PhysicalColumn[],
  columns: SourceColumn[],
): Promise<void> {
  const wide = physical.filter(({ duckType }, i) => WIDE_INTEGERS.has(duckType) && columns[i]?.type === 'integer');
  if (wide.length === 0) return;
  const first = wide.map(({ name }, i) => {
    const sql = ident(name);
    return `min(CASE WHEN ${sql} IS NOT NULL AND TRY_CAST(${sql} AS BIGINT) IS NULL THEN file_row_number END) + 1 AS r${i}`;
  });
  const found = await duck.aggregate(first, parquetRows(parquetFile));
  wide.forEach(({ name }, i) => {
    const row = found[`r${i}`];
    if (row !== null && row !== undefined) throw tooLarge(Number(row), name);
  });
}

/** From here on a double is larger than every whole number of 64 bits. */
const BEYOND = 2 ** 63;

/**
 * The same of columns that were read as doubles because of such a number. Only where all are whole numbers: a column of measurements may hold a
 * large one.
 * @param asText - reads columns once more, digit by digit, into a Parquet file
 * @throws WeighbridgeError MALFORMED_DATA naming the first row with a number outside 64 bits
 */
export async function refuseRounded(
  duck: Duck,
  parquetFile: string,
  doubles: PhysicalColumn[],
  asText: (columns: PhysicalColumn[]) => Promise<string>,
): Promise<void> {
  if (doubles.length === 0) return;
  const suspects = doubles.map(({ name }, i) => {
    const sql = ident(name);
    return `max(abs(${sql})) >= ${BEYOND} AND count_if(${sql} <> trunc(${sql})) = 0 AS s${i}`;
  });
  const seen = await duck.aggregate(suspects, parquetRows(parquetFile));
  const long = doubles.filter((_, i) => seen[`s${i}`] === true);
  if (long.length === 0) return;
  const first = long.map(
    ({ name }, i) => `min(CASE WHEN ${needsMoreBits(name)} THEN file_row_number END) + 1 AS r${i}`,
  );
  const found = await duck.aggregate(first, parquetRows(await asText(long)));
  long.forEach(({ name }, i) => {
    const row = found[`r${i}`];
    if (row !== null && row !== undefined) throw tooLarge(Number(row), name);
  });
}

/** Of a column of texts: digits alone, and more than 64 bits hold. */
export function needsMoreBits(name: string): string {
  const sql = ident(name);
  return `regexp_matches(${sql}, '^\\s*[+-]?[0-9]{19,}\\s*$') AND TRY_CAST(${sql} AS BIGINT) IS NULL`;
}

export function tooLarge(row: number, column: string): Error {
  return malformedAt(
    row,
    column,
    'the whole number needs more than 64 bits',
    'Declare the column in the columns file: as {"type": "string"} to keep the digits, as {"type": "number"} to round them to 15 or so.',
  );
}
