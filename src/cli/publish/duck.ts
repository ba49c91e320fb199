import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { WeighbridgeError } from '../../kernel/index.js';
import { isDiskFull } from '../state/disk-full.js';
import { parquetFault } from './parquet-fault.js';

/** One row of an answer; 64-bit integers come as decimal strings. */
export type Row = Record<string, unknown>;

/** One DuckDB in memory, on this machine only, for reading the seller's file and writing its shards. */
export interface Duck {
  /** Runs a statement. @throws Error with DuckDB's own words, WeighbridgeError DISK_FULL, MALFORMED_DATA for a damaged Parquet file */
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Row[]>;
  /** The first row, of a query that gives one. */
  row(sql: string): Promise<Row>;
  /** The bytes of a query's only column in the order of its rows, read as they are taken; undefined for a row without any. */
  blobs(sql: string): AsyncIterable<Uint8Array | undefined>;
  /** One row of many aggregates over a Parquet file. Some hundred in one query would cost more than that many queries. */
  aggregate(expressions: string[], from: string): Promise<Row>;
  /** From now on what does not fit into memory goes into this directory: it is plaintext rows. */
  spillTo(privateDir: string): Promise<void>;
  /** Gives back what was freed and is still held, by it and by the C library, for it and for all threads of this process. Takes 10 ms. */
  trim(): Promise<void>;
  /** Gives its memory back. May be repeated. */
  close(): void;
}

const AGGREGATES_AT_ONCE = 256;

/**
 * @param privateDir - spills go here and nowhere else: they hold plaintext rows. None are made until it is named.
 */
export async function openDuck(privateDir?: string): Promise<Duck> {
  const { DuckDBBlobValue, DuckDBInstance } = await loadDuck();
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${USUAL_LIMIT_MIB}MiB`,
    threads: String(Math.min(MOST_THREADS, availableParallelism())),
    temp_directory: '',
    // Of a long file it would keep 15 MB, which nobody reads again.
    enable_external_file_cache: 'false',
    // It must not load code from the network because a file says so.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection: DuckDBConnection = await instance.connect();
  let isOpen = true;
  let spillDir = privateDir;
  const explained = (sql: string, error: unknown): unknown => {
    if (isDiskFull(error) && spillDir !== undefined) return diskFull(spillDir, error);
    return parquetFault(sql, error) ?? error;
  };
  const answer = async (sql: string): Promise<Row[]> => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  let limitMib = USUAL_LIMIT_MIB;
  const widen = async (mebibytes: number): Promise<void> => {
    limitMib = Math.min(mebibytes, wideLimitMib());
    await answer(`SET memory_limit = '${limitMib}MiB'`);
  };
  const read = async (sql: string): Promise<Row[]> => {
    for (;;) {
      try {
        return await answer(sql);
      } catch (error) {
        if (limitMib >= wideLimitMib() || !isOutOfMemory(error)) throw explained(sql, error);
        await widen(limitMib + (limitMib < SMALL_STEPS_TO_MIB ? STEP_MIB : limitMib));
      }
    }
  };
  async function* blobs(sql: string): AsyncGenerator<Uint8Array | undefined> {
    try {
      await widen(wideLimitMib()); // what was given out already could not be given out again
      for await (const rows of (await connection.stream(sql)).yieldRows()) {
        for (const [value] of rows) yield value instanceof DuckDBBlobValue ? value.bytes : undefined;
      }
    } catch (error) {
      throw explained(sql, error);
    }
  }
  const spillTo = async (dir: string): Promise<void> => {
    spillDir = dir;
    await read(`SET temp_directory = ${text(path.join(dir, 'spill'))}`);
  };
  if (privateDir !== undefined) await spillTo(privateDir);
  return {
    run: async (sql) => void (await read(sql)),
    rows: read,
    row: async (sql) => (await read(sql))[0] ?? {},
    blobs,
    aggregate: async (expressions, from) => {
      const whole: Row = {};
      for (let i = 0; i < expressions.length; i += AGGREGATES_AT_ONCE) {
        const part = expressions.slice(i, i + AGGREGATES_AT_ONCE).join(', ');
        Object.assign(whole, (await read(`SELECT ${part} FROM ${from}`))[0]);
      }
      return whole;
    },
    spillTo,
    trim: async () => {
      // No statement asks for it: DuckDB does it whenever its number of threads changes.
      const { n } = (await read(`SELECT current_setting('threads') AS n`))[0] ?? {};
      for (const threads of [Number(n) + 1, Number(n)]) await read(`SET threads = ${threads}`);
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/**
 * What is read and sorted at once of most tables. What does not fit is spilled; a query for which even that is not enough is asked again, and so are
 * those after it, with some more: a long sort needs a step or two, some thousand columns all that there is.
 */
const USUAL_LIMIT_MIB = 80;
const STEP_MIB = 16;
/** And from there on twice as much each time. */
const SMALL_STEPS_TO_MIB = 128;

/** A quarter of the machine, from 1 to 4 GiB. */
function wideLimitMib(): number {
  const quarterMib = Math.floor(totalmem() / 4 / 2 ** 20);
  return Math.min(4096, Math.max(1024, quarterMib));
}

/** Each has buffers of its own, 40 MB and more. */
const MOST_THREADS = 4;

/** Threads that write shards, while the other half of the cores encrypts and sends them. */
export function writingThreads(): number {
  return Math.max(1, Math.floor(Math.min(MOST_THREADS, availableParallelism()) / 2));
}

/**
 * DuckDB's allocator, jemalloc, keeps what was freed apart in several arenas and for seconds, which came to 150 MB for a file of 1 GiB. One arena is
 * as fast for so few threads, and to give memory back within 50 ms costs nothing that could be measured. It reads this once, as the library is
 * loaded; where DuckDB has another allocator, nobody does.
 */
const ALLOCATOR = 'narenas:1,dirty_decay_ms:50,muzzy_decay_ms:0';

async function loadDuck(): Promise<typeof import('@duckdb/node-api')> {
  process.env['DUCKDB_JE_MALLOC_CONF'] ??= ALLOCATOR;
  return import('@duckdb/node-api');
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Out of Memory Error');
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

/** How a table of so many columns is written. */
export function parquetFormat(columns: number, compression: 'snappy' | 'zstd', rowBytes = 1): string {
  const rows = rowsAtOnce(columns, rowBytes);
  const values = Math.min(MAX_DICTIONARY_VALUES, Math.ceil(rows * DICTIONARY_SHARE));
  return `(FORMAT parquet, COMPRESSION ${compression}, ROW_GROUP_SIZE ${rows}, DICTIONARY_SIZE_LIMIT ${values})`;
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
