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

export function tooLarge(row: number, column: string): Error {
  return malformedAt(
    row,
    column,
    'the whole number needs more than 64 bits',
    'Declare the column in the columns file: as {"type": "string"} to keep the digits, as {"type": "number"} to round them to 15 or so.',
  );
}
