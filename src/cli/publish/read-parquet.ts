import { fitsImage, IMAGE_NEXT, NO_IMAGE } from './check-image.js';
import { columnOf } from './column-of.js';
import { assertDistinct } from './csv-header.js';
import type { DeclaredColumns } from './declared-columns.js';
import { parquetRows, text, type Duck } from './duck.js';
import { isWeighbridgeError } from '../../kernel/index.js';
import { notParquet } from './parquet-fault.js';
import { emptyData, malformedAt, type Source, type SourceColumn } from './source.js';
import { refuseTooLarge } from './whole-numbers.js';

/** Reads a Parquet file where it lies. @throws WeighbridgeError MALFORMED_DATA, EMPTY_DATA */
export async function readParquet(
  duck: Duck,
  file: string,
  declared: DeclaredColumns,
): Promise<Omit<Source, 'sizeBytes'>> {
  let described;
  let named;
  let n;
  try {
    named = await columnNames(duck, file);
    described = await duck.rows(`DESCRIBE SELECT * FROM read_parquet(${text(file)})`);
    n = Number((await duck.row(`SELECT count(*) AS n FROM read_parquet(${text(file)})`))['n']);
  } catch (error) {
    throw isWeighbridgeError(error) ? error : notParquet(error);
  }
  if (n === 0) throw emptyData('the file');
  assertDistinct(named);
  const names = described.map(({ column_name: name }) => String(name));
  const physical = described.map(({ column_type: type }, i) => ({ name: names[i] ?? '', duckType: String(type) }));
  const columns = physical.map((column) => columnOf(column, declared[column.name]));
  await refuseTooLarge(duck, file, physical, columns);
  for (const column of columns) if (column.type === 'image') await checkImages(duck, file, column);
  return { parquetFile: file, columns, rowCount: n };
}

/** As they stand in the file: DuckDB would read a second `a` as `a_1`. */
async function columnNames(duck: Duck, file: string): Promise<string[]> {
  const [, ...elements] = await duck.rows(`SELECT name, num_children FROM parquet_schema(${text(file)})`);
  const names: string[] = [];
  let nested = 0;
  for (const { name, num_children: children } of elements) {
    if (nested === 0) names.push(String(name));
    else nested--;
    nested += Number(children ?? 0);
  }
  return names;
}

/** As those of a folder are checked: what no trainer takes is said before it is paid for. @throws WeighbridgeError MALFORMED_DATA */
async function checkImages(duck: Duck, file: string, { name, sql }: SourceColumn): Promise<void> {
  let row = 0;
  for await (const image of duck.blobs(`SELECT ${sql} FROM ${parquetRows(file)}`)) {
    row++;
    if (image === undefined) {
      throw malformedAt(row, name, 'there is no image', 'Give every row an image, or leave the row out.');
    }
    const { buffer, byteOffset, byteLength } = image;
    if (!fitsImage(Buffer.from(buffer, byteOffset, byteLength)))
      throw malformedAt(row, name, `the value is ${NO_IMAGE}`, IMAGE_NEXT);
  }
}
