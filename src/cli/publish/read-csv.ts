import path from 'node:path';
import { readCsvHeader } from './csv-header.js';
import type { DeclaredColumns } from './declared-columns.js';
import { csvColumn } from './csv-column.js';
import { gatherStats, guessTypes, MAX_SAFE } from './csv-types.js';
import { parquetRows, type Duck } from './duck.js';
import { loadCsv } from './load-csv.js';
import { emptyData, type Source, type SourceColumn } from './source.js';
import { asUtf8, encodingOf } from './transcode.js';

/**
 * Reads a CSV file strictly into a Parquet file of numbers and texts, then decides each column's type on all rows. A row
 * with a field too many or too few, a broken quote, or a word among numbers is refused with its place, never repaired.
 * @param original - a path without characters that DuckDB would expand
 * @param named - the file's encoding as the seller names it
 * @throws WeighbridgeError MALFORMED_DATA naming row and column, EMPTY_DATA
 */
export async function readCsv(
  duck: Duck,
  original: string,
  privateDir: string,
  declared: DeclaredColumns,
  named: string | undefined,
): Promise<Omit<Source, 'sizeBytes'>> {
  const encoding = await encodingOf(original, named);
  const file = encoding === 'utf-8' ? original : path.join(privateDir, 'utf-8.csv');
  if (file !== original) await asUtf8(original, encoding, file);
  const header = await readCsvHeader(file, encoding);
  const parquetFile = path.join(privateDir, 'source.parquet');
  const guess = await guessTypes(duck, file, privateDir, header, declared);
  const { types } = guess;
  let rowCount = await loadCsv(duck, file, header, types, parquetFile);
  if (rowCount === 0) throw emptyData('the file');
  let stats = await gatherStats(duck, parquetFile, header, guess);
  const long = stats.filter((column) => column.physical === 'DOUBLE' && column.largest > MAX_SAFE);
  if (long.length > 0) {
    // Long whole numbers turned up after the sample: read those columns again as text, which loses nothing.
    for (const { name } of long) types.set(name, 'VARCHAR');
    rowCount = await loadCsv(duck, file, header, types, parquetFile);
    stats = await gatherStats(duck, parquetFile, header, guess);
  }
  const firstRow = async (where: string) => {
    const { row } = await duck.row(
      `SELECT min(file_row_number) + 1 AS row FROM ${parquetRows(parquetFile)} WHERE ${where}`,
    );
    return Number(row);
  };
  const columns: SourceColumn[] = [];
  for (const stat of stats) {
    const column = await csvColumn(stat, rowCount, declared[stat.name], firstRow);
    const losesZeros =
      guess.padded.has(stat.name) && column.type !== 'string' && declared[stat.name]?.type === undefined;
    columns.push(losesZeros ? { ...column, losesZeros } : column);
  }
  return { parquetFile, columns, rowCount };
}
