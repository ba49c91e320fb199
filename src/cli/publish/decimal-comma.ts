import { parquetRows, text, type Duck } from './duck.js';
import type { Source } from './source.js';

const COMMA = String.raw`^\s*[+-]?\d{1,3}([. ]?\d{3})*,\d+\s*$|^\s*[+-]?\d+,\d+\s*$`;
const WHOLE = String.raw`^\s*[+-]?\d+\s*$`;
/** The first rows tell: a file is written with commas throughout or not at all. */
const LOOKED_AT_ROWS = 10_000;

/**
 * Text columns that are numbers as many countries write them, `0,5`. They are not read as numbers, because `1,500` is another number elsewhere: the
 * seller is told, and says what is meant by writing a point.
 */
export async function decimalCommas(duck: Duck, source: Source): Promise<string[]> {
  const texts = source.columns.filter(({ type }) => type === 'string');
  if (texts.length === 0) return [];
  const counts = texts.flatMap(({ sql }, i) => [
    `count_if(regexp_matches(${sql}, ${text(COMMA)})) AS c${i}`,
    `count_if(${sql} IS NOT NULL AND NOT regexp_matches(${sql}, ${text(`${COMMA}|${WHOLE}`)})) AS o${i}`,
  ]);
  const rows = `${parquetRows(source.parquetFile)} WHERE file_row_number < ${LOOKED_AT_ROWS}`;
  const row = await duck.aggregate(counts, rows);
  return texts.filter((_, i) => Number(row[`c${i}`]) > 0 && Number(row[`o${i}`]) === 0).map(({ name }) => name);
}
