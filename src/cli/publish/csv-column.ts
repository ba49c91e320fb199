import { ident } from './duck.js';
import { malformedAt, type SourceColumn } from './source.js';
import type { DeclaredColumn } from './declared-columns.js';
import { needsMoreBits, tooLarge } from './whole-numbers.js';

/** What all rows of one CSV column hold, counted. */
export interface CsvStats {
  name: string;
  /** As it was read from the file. */
  physical: 'DOUBLE' | 'VARCHAR';
  /** Rows that have a value. */
  filled: number;
  /** Not counted where the first rows hold a fraction: then it is 0. */
  integers: number;
  numbers: number;
  finite: number;
  booleans: number;
  /** Largest finite magnitude of a DOUBLE column. */
  largest: number;
}

/** A text as a number, or null: DuckDB would read the code 12_34 as 1234. */
export function asNumber(sql: string): string {
  return `TRY_CAST(replace(${sql}, '_', '?') AS DOUBLE)`;
}

/** The row number (from 1) of the first row for which a condition holds; 0 if there is none. */
export type FirstRow = (where: string) => Promise<number>;

/**
 * What one CSV column is, and whether a value of it is missing in some row.
 * @throws WeighbridgeError MALFORMED_DATA naming row and column
 */
export async function csvColumn(
  stats: CsvStats,
  rowCount: number,
  declared: DeclaredColumn | undefined,
  firstRow: FirstRow,
): Promise<SourceColumn> {
  return { ...(await typedColumn(stats, declared, firstRow)), complete: stats.filled === rowCount };
}

/**
 * The type of one CSV column: what every value is. A column of mostly numbers with other words among them is a mistake of
 * the file, not a text column, and is refused with the first such row.
 */
async function typedColumn(
  stats: CsvStats,
  declared: DeclaredColumn | undefined,
  firstRow: FirstRow,
): Promise<SourceColumn> {
  const { name, physical, filled, integers, numbers, booleans } = stats;
  const sql = ident(name);
  if (declared?.type === 'string' || filled === 0) return { name, type: 'string', sql: `CAST(${sql} AS VARCHAR)` };
  if (booleans === filled) return { name, type: 'boolean', sql: `CAST(${sql} AS BOOLEAN)` };
  if (numbers === filled) {
    await refuseNotFinite(stats, firstRow);
    const isInteger = integers === filled && declared?.type !== 'number';
    if (isInteger) return { name, type: 'integer', sql: `CAST(${sql} AS BIGINT)` };
    if (physical === 'VARCHAR' && declared?.type !== 'number') await refuseLongDigits(name, firstRow);
    return { name, type: 'number', sql: physical === 'DOUBLE' ? sql : `CAST(${sql} AS DOUBLE)` };
  }
  const isMixed =
    declared?.type === undefined ? numbers * 2 > filled : declared.type === 'number' || declared.type === 'integer';
  if (!isMixed) return { name, type: 'string', sql };
  const row = await firstRow(`${sql} IS NOT NULL AND ${asNumber(sql)} IS NULL`);
  throw malformedAt(
    row,
    name,
    'the value is not a number, while most of the column is',
    'Correct the value, leave it empty if it is missing, or declare the column as {"type": "string"} in the columns file.',
  );
}

/** Numbers are read as text where some are long: of a column that has no fractions in it, or few. */
async function refuseLongDigits(name: string, firstRow: FirstRow): Promise<void> {
  const row = await firstRow(needsMoreBits(name));
  if (row > 0) throw tooLarge(row, name);
}

async function refuseNotFinite({ name, physical, finite, filled }: CsvStats, firstRow: FirstRow): Promise<void> {
  if (finite === filled) return;
  const value = physical === 'DOUBLE' ? ident(name) : `CAST(${ident(name)} AS DOUBLE)`;
  const row = await firstRow(`NOT isfinite(${value})`);
  throw malformedAt(
    row,
    name,
    'the value is not a finite number',
    'Correct it, or leave the field empty if it is missing.',
  );
}
