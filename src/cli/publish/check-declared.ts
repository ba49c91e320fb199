import { WeighbridgeError } from '../../kernel/index.js';
import type { DeclaredColumn, DeclaredColumns } from './declared-columns.js';
import { parquetRows, text, type Duck } from './duck.js';
import { malformedAt, type Source, type SourceColumn } from './source.js';

const FILL =
  'Fill it, leave the row out, or make the column one that recipes pass over: no range, and {"type": "string"} for true/false.';

export interface MissingValues {
  column: string;
  rows: number;
}

/**
 * Holds the rows against what the seller declared, on the seller's machine, and tells nobody else: a range that the data
 * leave would make recipes scale wrongly, and the buyer could not see why.
 * A trainer refuses a number that is missing, so a column that recipes would use must have none.
 * @returns other columns with missing values, for a warning
 * @throws WeighbridgeError BAD_INPUT naming the column and the first row that contradicts its declaration, MALFORMED_DATA
 */
export async function checkDeclared(
  duck: Duck,
  source: Source,
  declared: DeclaredColumns,
  label: string | undefined,
): Promise<MissingValues[]> {
  const byName = new Map(source.columns.map((column) => [column.name, column]));
  for (const name of Object.keys(declared)) {
    if (!byName.has(name)) throw noColumn(name, 'the columns file declares', source);
  }
  if (label !== undefined && !byName.has(label)) throw noColumn(label, '--label names', source);
  for (const column of source.columns) {
    if (column.type === 'tensor') await checkTensor(duck, source, column, declared[column.name]?.shape);
  }
  const rules = source.columns
    .map((column) => ({ column, bad: contradiction(column, declared[column.name]) }))
    // What the reader of the file has seen already costs no second look at all rows.
    .filter(({ column }) => column.complete !== true || declared[column.name] !== undefined);
  const select = rules.flatMap(({ column, bad }, i) => [
    `count_if(${column.sql} IS NULL) AS empty${i}`,
    `min(CASE WHEN ${column.sql} IS NULL THEN file_row_number END) + 1 AS void${i}`,
    ...(bad === undefined ? [] : [`min(CASE WHEN ${bad} THEN file_row_number END) + 1 AS bad${i}`]),
  ]);
  const row = select.length === 0 ? {} : await duck.aggregate(select, parquetRows(source.parquetFile));
  return rules.flatMap(({ column: { name, type } }, i) => {
    const bad = row[`bad${i}`];
    if (bad !== undefined && bad !== null) throw contradicts(Number(bad), name, declared[name]);
    const empty = Number(row[`empty${i}`]);
    if (empty === 0) return [];
    if (name === label) {
      throw malformedAt(
        Number(row[`void${i}`]),
        name,
        'the label has no value',
        'Give every row a label, or leave the row out.',
      );
    }
    if (declared[name]?.range !== undefined || type === 'boolean') {
      throw malformedAt(
        Number(row[`void${i}`]),
        name,
        'there is no value, and every run that uses the column would be refused',
        FILL,
      );
    }
    return [{ column: name, rows: empty }];
  });
}

/** Lists of one length in every row, of finite numbers: a trainer takes no others. @throws WeighbridgeError MALFORMED_DATA */
async function checkTensor(
  duck: Duck,
  source: Source,
  { name, sql }: SourceColumn,
  shape: number[] | undefined,
): Promise<void> {
  const rows = parquetRows(source.parquetFile);
  const first = await duck.row(`SELECT len(${sql}) AS n FROM ${rows} WHERE file_row_number = 0`);
  const length = shape?.reduce((product, side) => product * side, 1) ?? Number(first['n'] ?? 0);
  const good = `${sql} IS NOT NULL AND len(${sql}) = ${length} AND len(list_filter(${sql}, x -> x IS NULL OR NOT isfinite(x))) = 0`;
  const { row } = await duck.row(
    `SELECT min(CASE WHEN NOT coalesce(${good}, false) THEN file_row_number END) + 1 AS row FROM ${rows}`,
  );
  if (length > 0 && (row === null || row === undefined)) return;
  throw malformedAt(
    Number(row ?? 1),
    name,
    `the value is not a list of ${Math.max(1, length)} finite numbers`,
    'Give every row a list of one length, and declare its "shape" in the columns file if it has one.',
  );
}

/** SQL that is true for a value which the declaration excludes; undefined if nothing needs to be looked at. */
function contradiction(column: SourceColumn, declared: DeclaredColumn | undefined): string | undefined {
  const { name, type, sql } = column;
  const isNumeric = type === 'number' || type === 'integer';
  const notFinite = type === 'number' ? `NOT isfinite(${sql})` : undefined;
  if (declared === undefined) return notFinite;
  if (declared.type !== undefined && declared.type !== type) {
    throw new WeighbridgeError('BAD_INPUT', `column "${name}" is declared ${declared.type} and holds ${type} values`, {
      next: `Declare it as ${type}, or correct the data.`,
      details: { column: name },
    });
  }
  if (declared.range !== undefined) {
    if (!isNumeric) throw unfit(name, `has a range and holds ${type} values`);
    return `${sql} IS NOT NULL AND NOT (${sql} BETWEEN ${declared.range[0]} AND ${declared.range[1]})`;
  }
  if (declared.vocabulary !== undefined) {
    const words = declared.vocabulary;
    const wordsAreNumbers = typeof words[0] === 'number';
    if (type === 'boolean' || wordsAreNumbers !== isNumeric) {
      throw unfit(name, `has a vocabulary of ${wordsAreNumbers ? 'numbers' : 'text'} and holds ${type} values`);
    }
    const list = words.map((word) => (typeof word === 'number' ? String(word) : text(word))).join(', ');
    return `${sql} IS NOT NULL AND ${sql} NOT IN (${list})`;
  }
  return notFinite;
}

function contradicts(row: number, column: string, declared: DeclaredColumn | undefined): WeighbridgeError {
  if (declared?.range === undefined && declared?.vocabulary === undefined) {
    return malformedAt(
      row,
      column,
      'the value is not a finite number',
      'Correct it, or leave it empty if it is missing.',
    );
  }
  const what = declared.range === undefined ? 'vocabulary' : 'range';
  return new WeighbridgeError(
    'BAD_INPUT',
    `row ${row}, column "${column}": the value is outside the declared ${what}`,
    {
      next: `Correct the row, or the ${what} in the columns file.`,
      details: { row, column },
    },
  );
}

function noColumn(name: string, who: string, source: Source): WeighbridgeError {
  const names = source.columns.map((column) => `"${column.name}"`);
  const shown = names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');
  return new WeighbridgeError('BAD_INPUT', `${who} column "${name}", which the file does not have`, {
    next: `Name one of its columns: ${shown}.`,
    details: { column: name },
  });
}

function unfit(name: string, what: string): WeighbridgeError {
  return new WeighbridgeError('BAD_INPUT', `column "${name}" ${what}`, {
    next: 'Declare a range for numbers, and a vocabulary of the same kind as the values.',
    details: { column: name },
  });
}
