import { open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asNumber, type CsvStats } from './csv-column.js';
import type { CsvHeader } from './csv-header.js';
import { parsing, scanCsv, type Physical } from './csv-scan.js';
import type { DeclaredColumns } from './declared-columns.js';
import { ident, text, type Duck } from './duck.js';

/** What the types are guessed from: bytes and not rows, because a row may be of thousands of columns. */
const SAMPLE_BYTES = 4 << 20;
/** Of more columns than these a further look at the sample costs more than it saves. */
const FEW_COLUMNS = 256;
/** And of more than these, to plan a look at first characters costs more than casts that fail: two milliseconds a column. */
const FEW_TO_LOOK_INTO = 64;
/** Whole numbers beyond this do not survive a double. */
export const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** How columns are read, from the first rows. */
export interface CsvGuess {
  types: Map<string, Physical>;
  /** Columns that are no whole numbers, whatever comes. */
  fractional: Set<string>;
  /** Columns of digits that begin with a zero, as codes do: read as numbers they lose it. */
  padded: Set<string>;
}

/** A column is read as numbers if the first rows hold nothing else, so that most files are parsed once. */
export async function guessTypes(
  duck: Duck,
  file: string,
  privateDir: string,
  header: CsvHeader,
  declared: DeclaredColumns,
): Promise<CsvGuess> {
  const all = new Map<string, Physical>(header.names.map((name) => [name, 'VARCHAR']));
  const sample = scanCsv(await writeSample(file, privateDir), header, all, 'ignore_errors=true');
  const counts = header.names.map((name, i) => {
    const number = header.names.length > FEW_TO_LOOK_INTO ? plainNumber(ident(name)) : asNumber(ident(name));
    const isFew = header.names.length <= FEW_COLUMNS;
    const fractions = isFew ? `count_if(${number} <> trunc(${number}))` : '0';
    const padded = isFew ? `count_if(${ident(name)}[1] = '0' AND ${ident(name)}[2] BETWEEN '0' AND '9')` : '0';
    return `count(${ident(name)}) AS n${i}, count(${number}) AS d${i}, count_if(abs(${number}) > ${MAX_SAFE}) AS l${i}, ${fractions} AS f${i}, ${padded} AS z${i}`;
  });
  const row = await parsing(async () => duck.row(`SELECT ${counts.join(', ')} FROM ${sample}`));
  const fractional = new Set<string>();
  const padded = new Set<string>();
  header.names.forEach((name, i) => {
    if (Number(row[`f${i}`]) > 0) fractional.add(name);
    if (Number(row[`z${i}`]) > 0) padded.add(name);
    const n = Number(row[`n${i}`]);
    const allNumbers = n > 0 && n === Number(row[`d${i}`]) && Number(row[`l${i}`]) === 0;
    const type = declared[name]?.type;
    if (type === undefined ? allNumbers : allNumbers && type !== 'string') all.set(name, 'DOUBLE');
  });
  return { types: all, fractional, padded };
}

/** The beginning of the file, up to a line's end. */
async function writeSample(file: string, privateDir: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, 0);
    const end = bytesRead < SAMPLE_BYTES ? bytesRead : buffer.lastIndexOf(10, bytesRead - 1) + 1;
    const sample = path.join(privateDir, 'sample.csv');
    await writeFile(sample, buffer.subarray(0, end), { mode: 0o600 });
    return sample;
  } finally {
    await handle.close();
  }
}

/**
 * A text, or null if it is no number by its first character: a digit, a sign, a point or a space, or a letter of `inf` and `nan`. DuckDB takes half
 * a microsecond to fail at a cast, so it is not asked of words.
 */
export function numberLike(c: string): string {
  return `CASE WHEN ${c} < ':' OR ${c}[1] IN ('i', 'I', 'n', 'N') THEN ${c} END`;
}

function plainNumber(c: string): string {
  return `TRY_CAST(${c} AS DOUBLE)`;
}

/** Counts what every row holds. Whether whole numbers are too long for a double matters only where all are whole numbers. */
export async function gatherStats(
  duck: Duck,
  parquetFile: string,
  { names }: CsvHeader,
  { types, fractional }: CsvGuess,
): Promise<CsvStats[]> {
  const isWide = names.length > FEW_TO_LOOK_INTO;
  const mayBe = isWide ? (c: string): string => c : numberLike;
  const number = isWide ? plainNumber : (c: string) => asNumber(numberLike(c));
  const counts = names.flatMap((name, i) => {
    const c = ident(name);
    if (types.get(name) === 'DOUBLE') {
      const always = [`count(${c}) AS n${i}`, `count_if(isfinite(${c})) AS f${i}`];
      if (fractional.has(name)) return always;
      return [
        ...always,
        `count_if(${c} = trunc(${c})) AS i${i}`,
        `coalesce(max(CASE WHEN isfinite(${c}) THEN abs(${c}) END), 0) AS m${i}`,
      ];
    }
    return [
      `count(${c}) AS n${i}`,
      `count_if(TRY_CAST(${mayBe(c)} AS BIGINT)::VARCHAR = trim(${c})) AS i${i}`,
      `count(${number(c)}) AS d${i}`,
      `count_if(isfinite(${number(c)})) AS f${i}`,
      `count_if(lower(${c}) IN ('true', 'false')) AS b${i}`,
    ];
  });
  const row = await duck.aggregate(counts, text(parquetFile));
  const count = (key: string) => Number(row[key] ?? 0);
  return names.map((name, i) => {
    const physical = types.get(name) ?? 'VARCHAR';
    const filled = count(`n${i}`);
    return {
      name,
      physical,
      filled,
      integers: count(`i${i}`),
      numbers: physical === 'DOUBLE' ? filled : count(`d${i}`),
      finite: count(`f${i}`),
      booleans: count(`b${i}`),
      largest: count(`m${i}`),
    };
  });
}
