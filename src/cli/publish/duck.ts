import path from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { WeighbridgeError } from '../../kernel/index.js';
import { isDiskFull } from '../state/disk-full.js';

/** One row of an answer; 64-bit integers come as decimal strings. */
export type Row = Record<string, unknown>;

/** One DuckDB in memory, on this machine only, for reading the seller's file and writing its shards. */
export interface Duck {
  /** Runs a statement. @throws Error with DuckDB's own words, WeighbridgeError DISK_FULL */
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Row[]>;
  /** The first row, of a query that gives one. */
  row(sql: string): Promise<Row>;
  close(): void;
}

/**
 * @param privateDir - spills go here and nowhere else: they hold plaintext rows.
 */
export async function openDuck(privateDir: string): Promise<Duck> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: '1GB',
    temp_directory: path.join(privateDir, 'spill'),
    // It must not load code from the network because a file says so.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection: DuckDBConnection = await instance.connect();
  const read = async (sql: string): Promise<Row[]> => {
    try {
      return (await connection.runAndReadAll(sql)).getRowObjectsJson();
    } catch (error) {
      throw isDiskFull(error) ? diskFull(privateDir, error) : error;
    }
  };
  return {
    run: async (sql) => void (await read(sql)),
    rows: read,
    row: async (sql) => (await read(sql))[0] ?? {},
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** An SQL identifier. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL string literal. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** The file as a table, with `file_row_number` counting rows from zero in file order. */
export function parquetRows(file: string): string {
  return `read_parquet(${text(file)}, file_row_number=true)`;
}

function diskFull(dir: string, cause: unknown): WeighbridgeError {
  return new WeighbridgeError('DISK_FULL', `no space is left on the disk of ${dir}`, {
    next: 'Free about twice the size of the dataset and run the same command again. Nothing was listed.',
    cause,
  });
}
