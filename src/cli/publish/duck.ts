import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { WeighbridgeError } from '../../kernel/index.js';
import { isDiskFull } from '../state/disk-full.js';

/** One row of an answer; 64-bit integers come as decimal strings. */
export type Row = Record<string, unknown>;

/** Runs one statement at a time. */
export interface Statements {
  /** @throws Error with DuckDB's own words, WeighbridgeError DISK_FULL */
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Row[]>;
  /** The first row, of a query that gives one. */
  row(sql: string): Promise<Row>;
}

/** One DuckDB in memory, on this machine only, for reading the seller's file and writing its shards. */
export interface Duck extends Statements {
  /** One row of many aggregates over a Parquet file. Some hundred in one query would cost more than that many queries. */
  aggregate(expressions: string[], from: string): Promise<Row>;
  /**
   * From now on, until it is closed, statements run side by side, and each in one thread where there are no more processors than that: it then hands
   * nothing from thread to thread, and none waits for another at the end of a sort.
   */
  sideBySide(): Promise<SideBySide>;
  /** From now on what does not fit into memory goes into this directory: it is plaintext rows. */
  spillTo(privateDir: string): Promise<void>;
  /** Gives its memory back. May be repeated. */
  close(): void;
}

/** Some statements at once; others wait for their turn, in order. */
export interface SideBySide {
  atOnce: number;
  run<T>(work: (statements: Statements) => Promise<T>): Promise<T>;
  /** Waits for what was begun. What was not begun never is. */
  close(): Promise<void>;
}

const AGGREGATES_AT_ONCE = 256;
/** Each takes one of the four threads in which Node.js also reads files and looks up names. */
const MOST_SIDE_BY_SIDE = 3;

/**
 * @param privateDir - spills go here and nowhere else: they hold plaintext rows. None are made until it is named.
 */
export async function openDuck(privateDir?: string): Promise<Duck> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${memoryLimitMib()}MiB`,
    temp_directory: '',
    // It must not load code from the network because a file says so.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  let isOpen = true;
  let spillDir = privateDir;
  const statementsOf = (one: DuckDBConnection): Statements => {
    const rows = async (sql: string): Promise<Row[]> => {
      try {
        return (await one.runAndReadAll(sql)).getRowObjectsJson();
      } catch (error) {
        throw isDiskFull(error) && spillDir !== undefined ? diskFull(spillDir, error) : error;
      }
    };
    return { rows, run: async (sql) => void (await rows(sql)), row: async (sql) => (await rows(sql))[0] ?? {} };
  };
  const statements = statementsOf(connection);
  const sideBySide = async (): Promise<SideBySide> => {
    const processors = availableParallelism();
    const atOnce = Math.min(MOST_SIDE_BY_SIDE, processors);
    await statements.run(`SET threads = ${processors - atOnce + 1}`);
    const connections = await Promise.all(Array.from({ length: atOnce }, async () => instance.connect()));
    const free = connections.map(statementsOf);
    const waiting: ((statements: Statements) => void)[] = [];
    const begun: Promise<unknown>[] = [];
    return {
      atOnce,
      run: async (work) => {
        const mine = free.pop() ?? (await new Promise<Statements>((resolve) => waiting.push(resolve)));
        const ended = work(mine).finally(() => {
          const next = waiting.shift();
          if (next === undefined) free.push(mine);
          else next(mine);
        });
        begun.push(ended);
        return ended;
      },
      close: async () => {
        waiting.length = 0;
        await Promise.allSettled(begun);
        for (const one of connections) one.closeSync();
        await statements.run('RESET threads');
      },
    };
  };
  const spillTo = async (dir: string): Promise<void> => {
    spillDir = dir;
    await statements.run(`SET temp_directory = ${text(path.join(dir, 'spill'))}`);
  };
  if (privateDir !== undefined) await spillTo(privateDir);
  return {
    ...statements,
    sideBySide,
    aggregate: async (expressions, from) => {
      const whole: Row = {};
      for (let i = 0; i < expressions.length; i += AGGREGATES_AT_ONCE) {
        const part = expressions.slice(i, i + AGGREGATES_AT_ONCE).join(', ');
        Object.assign(whole, await statements.row(`SELECT ${part} FROM ${from}`));
      }
      return whole;
    },
    spillTo,
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A quarter of the machine, from 1 to 4 GiB: thousands of columns need the latter, and what does not fit is spilled. */
function memoryLimitMib(): number {
  const quarterMib = Math.floor(totalmem() / 4 / 2 ** 20);
  return Math.min(4096, Math.max(1024, quarterMib));
}

/** Cells that are held at once, for each thread: what keeps a table of thousands of columns within the memory limit. */
const CELLS_AT_ONCE = 32_000_000;
/** DuckDB's own default, and the least that it takes. */
const MAX_GROUP_ROWS = 122_880;
const MIN_GROUP_ROWS = 2_048;

/**
 * Different values of a row group for which its column has a dictionary, a third of DuckDB's own limit. A dictionary is tried on every column:
 * where hardly a value repeats, as in measurements, that was a fifth of the time of reading and of writing, and gained nothing.
 */
const MAX_DICTIONARY_VALUES = 8_192;
/** DuckDB's own limit, as a share of the rows of a row group. */
const DICTIONARY_SHARE = 1 / 5;

/** And so many bytes: images and long texts are few cells. */
const BYTES_AT_ONCE = 64 << 20;

/** Rows of a Parquet row group for a table this wide, of rows this long. */
export function rowsAtOnce(columns: number, rowBytes = 1): number {
  const rows = Math.min(Math.floor(CELLS_AT_ONCE / columns), Math.floor(BYTES_AT_ONCE / rowBytes));
  return Math.min(MAX_GROUP_ROWS, Math.max(MIN_GROUP_ROWS, rows));
}

/** How a table of so many columns is written, of rows this long. */
export function parquetFormat(
  columns: number,
  compression: 'snappy' | 'zstd',
  rowBytes = 1,
  ...more: 'RETURN_STATS'[]
): string {
  const rows = rowsAtOnce(columns, rowBytes);
  const values = Math.min(MAX_DICTIONARY_VALUES, Math.ceil(rows * DICTIONARY_SHARE));
  const sizes = [`ROW_GROUP_SIZE ${rows}`, `DICTIONARY_SIZE_LIMIT ${values}`];
  return `(${['FORMAT parquet', `COMPRESSION ${compression}`, ...sizes, ...more].join(', ')})`;
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

/** What to say when plaintext finds no room. */
export function diskFull(dir: string, cause: unknown): WeighbridgeError {
  return new WeighbridgeError('DISK_FULL', `no space is left on the disk of ${dir}`, {
    next: 'Free about twice the size of the dataset and run the same command again. Nothing was listed.',
    cause,
  });
}
