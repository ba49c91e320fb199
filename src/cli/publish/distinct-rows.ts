import { parquetRows, type Duck } from './duck.js';
import type { Source } from './source.js';

/** Rows that are told apart at once: more take more memory than DuckDB is given (`duck.ts`). */
const TOLD_APART_AT_ONCE = 12_000_000;
/** Each reads all rows again: of a larger file more rows are told apart at once, and the memory for it is given. */
const MOST_PASSES = 8;

/** How many different rows there are, by parts that no two equal rows are spread over. */
export async function distinctRows(
  duck: Duck,
  { columns, parquetFile, rowCount }: Pick<Source, 'columns' | 'parquetFile' | 'rowCount'>,
  atOnce = TOLD_APART_AT_ONCE,
): Promise<number> {
  const rows = `SELECT hash(${columns.map(({ sql }) => sql).join(', ')}) AS row FROM ${parquetRows(parquetFile)}`;
  const parts = Math.min(MOST_PASSES, Math.ceil(rowCount / atOnce));
  let distinct = 0;
  for (let part = 0; part < parts; part++) {
    const { n } = await duck.row(`SELECT count(DISTINCT row) AS n FROM (${rows}) WHERE row % ${parts} = ${part}`);
    distinct += Number(n);
  }
  return distinct;
}
