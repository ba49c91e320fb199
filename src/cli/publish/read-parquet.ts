import { columnOf } from './column-of.js';
import { assertDistinct } from './csv-header.js';
import type { DeclaredColumns } from './declared-columns.js';
import { text, type Duck } from './duck.js';
import { emptyData, malformed, type Source } from './source.js';

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
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw malformed(
      `the file is not a Parquet file that can be read: ${why}`,
      'Check the file, or name its format with --format.',
    );
  }
  if (n === 0) throw emptyData('the file');
  const names = described.map(({ column_name: name }) => String(name));
  assertDistinct(names);
  const columns = described.map(({ column_type: type }, i) => {
    const name = names[i] ?? '';
    return columnOf({ name, duckType: String(type) }, declared[name]);
  });
  return { parquetFile: file, columns, rowCount: n };
}
