import type { Column } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';

/** The seller's file, read: a Parquet file and how each column of the dataset comes out of it. */
export interface Source {
  parquetFile: string;
  columns: SourceColumn[];
  rowCount: number;
  /** Of the Parquet file: what the shards come to, more or less. */
  sizeBytes: number;
}

export interface SourceColumn {
  name: string;
  type: Column['type'];
  /** SQL over `parquetRows(parquetFile)`. */
  sql: string;
  /** Known already: every row has a value, and every number is finite. */
  complete?: boolean;
  /** Digits that began with a zero were read as numbers, and nobody said that this is meant. */
  losesZeros?: boolean;
}

/** "row" counts from 1, the header not included: what a spreadsheet shows as line row + 1. */
export function malformed(message: string, next: string, details: Record<string, unknown> = {}): WeighbridgeError {
  return new WeighbridgeError('MALFORMED_DATA', message, { next, details });
}

export function malformedAt(row: number, column: string, what: string, next: string): WeighbridgeError {
  return malformed(`row ${row}, column "${column}": ${what}`, next, { row, column });
}

export function emptyData(file: string): WeighbridgeError {
  return new WeighbridgeError('EMPTY_DATA', `${file} holds no rows`, {
    next: 'Give a file with at least one row of data.',
  });
}
