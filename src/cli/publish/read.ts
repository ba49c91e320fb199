import { stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';
import type { DeclaredColumns } from './declared-columns.js';
import type { Duck } from './duck.js';
import { folderDigest, folderFormatOf, folderState, isFolder, type FolderFormat } from './list-folder.js';
import { readCsv } from './read-csv.js';
import { readFolder } from './read-folder.js';
import { readJsonLines } from './read-json-lines.js';
import { readParquet } from './read-parquet.js';
import { emptyData, type Source } from './source.js';
import { stateOf, type FileState } from './unchanged.js';

export const FORMATS = ['csv', 'ndjson', 'parquet', 'images', 'texts'] as const;
export type Format = (typeof FORMATS)[number];

const BY_EXTENSION: Record<string, Format> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.parquet': 'parquet',
};

/** @throws WeighbridgeError BAD_INPUT when neither the name nor what lies in the folder tells the format */
export function formatOf(file: string): Format {
  if (isFolder(file)) return folderFormatOf(file);
  const format = BY_EXTENSION[path.extname(file).toLowerCase()];
  if (format !== undefined) return format;
  throw new WeighbridgeError('BAD_INPUT', `the name of ${file} does not tell its format`, {
    next: `Name it with --format: ${FORMATS.join(', ')}.`,
  });
}

/**
 * Reads the seller's file into a `Source`. DuckDB is given a link with a plain name: it would expand `*`, `?` and `[` in
 * the seller's own path, and no path of the seller can end up in what is written.
 * @param encoding - of a CSV file, as `encodingNamed` gives it; UTF-8, or what its first bytes say, if it is not named
 * @throws WeighbridgeError BAD_INPUT, EMPTY_DATA, MALFORMED_DATA
 */
export async function readSource(
  duck: Duck,
  file: string,
  format: Format,
  privateDir: string,
  declared: DeclaredColumns,
  encoding?: string,
): Promise<Source> {
  await assertReadable(file);
  if (encoding !== undefined && format !== 'csv') {
    throw new WeighbridgeError('BAD_INPUT', `--encoding is for CSV, and ${file} is read as ${format}`, {
      next: 'Leave it out: NDJSON and texts are UTF-8, and Parquet says what it is.',
    });
  }
  if (isFolder(file) !== isFolderFormat(format)) {
    throw new WeighbridgeError('BAD_INPUT', `${file} is ${isFolder(file) ? 'a folder' : 'a file'}, and no ${format}`, {
      next: 'Give a folder for images and texts, a file for the other formats.',
    });
  }
  const link = path.join(privateDir, `input.${format}`);
  await symlink(path.resolve(file), link);
  const source = await readAs(format, duck, link, privateDir, declared, encoding);
  const { size: sizeBytes } = await stat(source.parquetFile);
  return { ...source, sizeBytes };
}

async function readAs(
  format: Format,
  duck: Duck,
  link: string,
  privateDir: string,
  declared: DeclaredColumns,
  encoding: string | undefined,
): Promise<Omit<Source, 'sizeBytes'>> {
  switch (format) {
    case 'csv':
      return readCsv(duck, link, privateDir, declared, encoding);
    case 'ndjson':
      return readJsonLines(duck, link, privateDir, declared);
    case 'parquet':
      return readParquet(duck, link, declared);
    case 'images':
    case 'texts':
      return readFolder(duck, link, format, privateDir, declared);
  }
}

function isFolderFormat(format: Format): format is FolderFormat {
  return format === 'images' || format === 'texts';
}

/** SHA-256 of all that is read of a file or folder. */
export async function digestOf(
  file: string,
  format: Format,
  ofFile: (file: string) => Promise<string>,
): Promise<string> {
  return isFolderFormat(format) ? folderDigest(file, format) : ofFile(file);
}

/** What tells that a file, or one of a folder, was written to. */
export async function sourceState(file: string, format: Format): Promise<FileState> {
  return isFolderFormat(format) ? folderState(file, format) : stateOf(file);
}

/** @throws WeighbridgeError BAD_INPUT when it is no file, EMPTY_DATA when it has no bytes */
export async function assertReadable(file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new WeighbridgeError('BAD_INPUT', `${file} cannot be read (${error.code ?? error.message})`, {
      next: 'Check the path and its permissions.',
      cause: error,
    });
  });
  if (found.isDirectory()) return;
  if (!found.isFile()) {
    throw new WeighbridgeError('BAD_INPUT', `${file} is not a file`, {
      next: 'Name one CSV, NDJSON or Parquet file, or a folder of images or texts.',
    });
  }
  if (found.size === 0) throw emptyData(file);
}
