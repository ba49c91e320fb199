import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fitsImage, IMAGE_NEXT, NO_IMAGE } from './check-image.js';
import type { DeclaredColumns } from './declared-columns.js';
import { ident, parquetFormat, parquetRows, text, type Duck } from './duck.js';
import { filesIn, METADATA, type FolderFormat } from './list-folder.js';
import { readCsv } from './read-csv.js';
import { emptyData, malformed, malformedAt, type Source, type SourceColumn } from './source.js';

/** The column of `metadata.csv` that names a file. It is not listed: names of files say more than their seller thinks. */
const FILE_NAME = 'file_name';
const MAX_TEXT_BYTES = 16 << 20;
const LABEL = 'label';

/**
 * Reads a folder, one file a row, as Hugging Face's ImageFolder does: with a `metadata.csv` its columns go beside each file;
 * without one the folder that a file lies in is its label.
 * @param folder - a link without characters that DuckDB would expand
 * @throws WeighbridgeError MALFORMED_DATA naming file or row, EMPTY_DATA
 */
export async function readFolder(
  duck: Duck,
  folder: string,
  format: FolderFormat,
  privateDir: string,
  declared: DeclaredColumns,
): Promise<Omit<Source, 'sizeBytes'>> {
  const names = await filesIn(folder, format);
  if (names.length === 0) throw emptyData('the folder');
  for (const name of names) await checkFile(path.join(folder, name), name, format);
  const metadata = existsSync(path.join(folder, METADATA))
    ? await readMetadata(duck, folder, privateDir, declared)
    : undefined;
  const listing =
    metadata === undefined ? await labelsByFolder(names, privateDir) : await matched(duck, metadata, names, privateDir);
  const content = format === 'images' ? 'image' : 'text';
  if (listing.columns.some(({ name }) => name.toLowerCase() === content)) {
    throw malformed(
      `${METADATA} has a column "${content}" of its own`,
      'Rename it: the files themselves take that name.',
    );
  }
  const parquetFile = await joinContents(duck, folder, names, { ...listing, content, format }, privateDir);
  const files: SourceColumn = { name: content, type: format === 'images' ? 'image' : 'string', sql: ident(content) };
  const columns = listing.columns.map((column) => ({ ...column, sql: ident(column.name) }));
  return { parquetFile, columns: [files, ...columns], rowCount: names.length };
}

/** Rows that say of each file, by its `wb_path`, what stands beside it. */
interface Listing {
  rows: string;
  columns: SourceColumn[];
}

async function labelsByFolder(names: string[], privateDir: string): Promise<Listing> {
  const labels = names.map((name) => path.posix.basename(path.posix.dirname(name)));
  const flat = labels.findIndex((label) => label === '.');
  if (flat >= 0 && labels.some((label) => label !== '.')) {
    throw malformed(
      `${names[flat] ?? ''} lies beside the folders that name labels`,
      `Put every file into the folder of its label, or describe all of them in ${METADATA}.`,
    );
  }
  const rows = await writeRows(
    privateDir,
    names.map((name, i) => ({ wb_path: name, ...(flat >= 0 ? {} : { label: labels[i] }) })),
  );
  return { rows: scan(rows), columns: flat >= 0 ? [] : [{ name: LABEL, type: 'string', sql: ident(LABEL) }] };
}

async function readMetadata(
  duck: Duck,
  folder: string,
  privateDir: string,
  declared: DeclaredColumns,
): Promise<Omit<Source, 'sizeBytes'>> {
  const columns: DeclaredColumns = { ...declared, [FILE_NAME]: { type: 'string' } };
  const metadata = await readCsv(duck, path.join(folder, METADATA), privateDir, columns, undefined);
  if (metadata.columns.some(({ name }) => name === FILE_NAME)) return metadata;
  throw malformed(
    `${METADATA} has no column "${FILE_NAME}"`,
    `Name each file in a column "${FILE_NAME}", by its path in the folder.`,
  );
}

/** Every row has its file and every file one row. */
async function matched(
  duck: Duck,
  metadata: Omit<Source, 'sizeBytes'>,
  names: string[],
  privateDir: string,
): Promise<Listing> {
  const there = new Set(names);
  const rows = await duck.rows(
    `SELECT ${ident(FILE_NAME)} AS name, file_row_number + 1 AS row FROM ${parquetRows(metadata.parquetFile)} ORDER BY file_row_number`,
  );
  const seen = new Set<string>();
  for (const { name, row } of rows) {
    const problem = !there.has(String(name))
      ? 'there is no such file'
      : seen.has(String(name))
        ? 'the file has two rows'
        : undefined;
    if (problem !== undefined) {
      throw malformedAt(
        Number(row),
        FILE_NAME,
        problem,
        `Correct ${METADATA}: one row for each file, by its path in the folder.`,
      );
    }
    seen.add(String(name));
  }
  const without = names.find((name) => !seen.has(name));
  if (without !== undefined)
    throw malformed(`${METADATA} has no row for ${without}`, 'Add the row, or take the file out.');
  const columns = metadata.columns.filter(({ name }) => name !== FILE_NAME);
  const select = [`${ident(FILE_NAME)} AS wb_path`, ...columns.map(({ name, sql }) => `${sql} AS ${ident(name)}`)];
  const file = path.join(privateDir, 'listing.parquet');
  await duck.run(
    `COPY (SELECT ${select.join(', ')} FROM ${parquetRows(metadata.parquetFile)}) TO ${text(file)} ${parquetFormat(columns.length + 1, 'snappy')}`,
  );
  return { rows: `read_parquet(${text(file)})`, columns };
}

/** DuckDB would expand `*` and `?` in the seller's own names: it is given links that are numbers. */
async function joinContents(
  duck: Duck,
  folder: string,
  names: string[],
  { rows, columns, content, format }: Listing & { content: string; format: FolderFormat },
  privateDir: string,
): Promise<string> {
  const links = path.join(privateDir, 'files');
  await mkdir(links);
  const root = path.resolve(folder);
  const numbered = names.map((name, i) => ({
    wb_path: name,
    wb_link: path.join(links, String(i).padStart(9, '0')),
    at: i,
  }));
  for (const { wb_path: name, wb_link: link } of numbered) await symlink(path.join(root, name), link);
  const order = scan(await writeRows(privateDir, numbered));
  const read = format === 'images' ? 'read_blob' : 'read_text';
  const others = columns.map(({ name }) => `, m.${ident(name)}`).join('');
  const parquetFile = path.join(privateDir, 'folder.parquet');
  await duck.run(
    `COPY (SELECT f.content AS ${ident(content)}${others} FROM ${read}(${text(path.join(links, '*'))}) f ` +
      `JOIN ${order} o ON o.wb_link = f.filename JOIN ${rows} m ON m.wb_path = o.wb_path ORDER BY o.at) ` +
      `TO ${text(parquetFile)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 2048)`,
  );
  return parquetFile;
}

let files = 0;
async function writeRows(privateDir: string, rows: Record<string, unknown>[]): Promise<string> {
  const file = path.join(privateDir, `rows-${files++}.ndjson`);
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { mode: 0o600 });
  return file;
}

function scan(file: string): string {
  return `read_json(${text(file)}, format='newline_delimited', records=true, sample_size=-1)`;
}

async function checkFile(file: string, name: string, format: FolderFormat): Promise<void> {
  const bytes = await readFile(file);
  if (format === 'images') {
    if (fitsImage(bytes)) return;
    throw malformed(`${name} is ${NO_IMAGE}`, IMAGE_NEXT, { file: name });
  }
  if (bytes.length > MAX_TEXT_BYTES || !isUtf8(bytes)) {
    throw malformed(
      `${name} is no UTF-8 text of at most ${MAX_TEXT_BYTES >> 20} MiB`,
      'Save it as UTF-8, or split it.',
      { file: name },
    );
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
