import { columnOf } from './column-of.js';
import { assertDistinct } from './csv-header.js';
import type { DeclaredColumns } from './declared-columns.js';
import { text, type Duck } from './duck.js';
import { isWeighbridgeError } from '../../kernel/index.js';
import { notParquet } from './parquet-fault.js';
import { emptyData, type Source } from './source.js';
import { refuseTooLarge } from './whole-numbers.js';

/** Reads a Parquet file where it lies. @throws WeighbridgeError MALFORMED_DATA, EMPTY_DATA */
export async function readParquet(
  duck: Duck,
  file: string,
  declared: DeclaredColumns,
): Promise<Omit<Source, 'sizeBytes'>> {
  let described;
  let n;
  try {
    described = await duck.rows(`DESCRIBE SELECT * FROM read_parquet(${text(file)})`);
    n = Number((await duck.row(`SELECT count(*) AS n FROM read_parquet(${text(file)})`))['n']);
  } catch (error) {
    throw isWeighbridgeError(error) ? error : notParquet(error);
  }
  if (n === 0) throw emptyData('the file');
  const names = described.map(({ column_name: name }) => String(name));
  assertDistinct(names);
  const physical = described.map(({ column_type: type }, i) => ({ name: names[i] ?? '', duckType: String(type) }));
  const columns = physical.map((column) => columnOf(column, declared[column.name]));
  await refuseTooLarge(duck, file, physical, columns);
  return { parquetFile: file, columns, rowCount: n };
}
