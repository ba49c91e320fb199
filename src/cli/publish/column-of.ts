import { ident } from './duck.js';
import { malformed, type SourceColumn } from './source.js';
import type { DeclaredColumn } from './declared-columns.js';

/** A file's own column, as DuckDB describes it. */
export interface PhysicalColumn {
  name: string;
  duckType: string;
}

const INTEGERS = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER']);
/** Wider than the signed 64 bits that a shard's whole numbers have. */
export const WIDE_INTEGERS: ReadonlySet<string> = new Set(['UBIGINT', 'HUGEINT', 'UHUGEINT']);
/** To the end: a list of any of them is `VARCHAR[]`. */
const TEXTUAL = /^(VARCHAR|UUID|DATE|TIME\b.*|TIMESTAMP.*|ENUM\(.*\))(?<!\])$/;

/**
 * The manifest's type of a typed column (NDJSON, Parquet), and the SQL that brings it into the shards.
 * @throws WeighbridgeError MALFORMED_DATA for nested and binary columns
 */
export function columnOf({ name, duckType }: PhysicalColumn, declared: DeclaredColumn | undefined): SourceColumn {
  const sql = ident(name);
  if (declared?.type === 'string') return { name, type: 'string', sql: `CAST(${sql} AS VARCHAR)` };
  if (declared?.type === 'image' && duckType === 'BLOB') return { name, type: 'image', sql };
  const column = naturalColumn(name, sql, duckType);
  if (declared?.type === 'number' && column.type === 'integer')
    return { name, type: 'number', sql: `CAST(${sql} AS DOUBLE)` };
  return column;
}

const DECIMAL = /^DECIMAL\(\d+,\d+\)$/;
/** Numbers in a list, of one fixed length or not: `DOUBLE[]`, `FLOAT[784]`. */
const LIST_OF_NUMBERS =
  /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))\[\d*\]$/;
/** How Hugging Face writes an image into Parquet. */
const ENCODED_IMAGE = /^STRUCT\("?bytes"? BLOB, "?path"? VARCHAR\)$/;

function naturalColumn(name: string, sql: string, duckType: string): SourceColumn {
  if (INTEGERS.has(duckType)) return { name, type: 'integer', sql };
  // The reader of the file has refused those that do not fit (refuseTooLarge).
  if (WIDE_INTEGERS.has(duckType)) return { name, type: 'integer', sql: `CAST(${sql} AS BIGINT)` };
  if (duckType === 'DOUBLE' || duckType === 'FLOAT') return { name, type: 'number', sql };
  if (DECIMAL.test(duckType)) return { name, type: 'number', sql: `CAST(${sql} AS DOUBLE)` };
  if (duckType === 'BOOLEAN') return { name, type: 'boolean', sql };
  if (TEXTUAL.test(duckType))
    return { name, type: 'string', sql: duckType === 'VARCHAR' ? sql : `CAST(${sql} AS VARCHAR)` };
  if (LIST_OF_NUMBERS.test(duckType)) return { name, type: 'tensor', sql: `CAST(${sql} AS DOUBLE[])` };
  if (ENCODED_IMAGE.test(duckType)) return { name, type: 'image', sql: `${sql}['bytes']` };
  throw malformed(
    `column "${name}" holds ${duckType.toLowerCase()} values`,
    'Flatten nested columns into plain ones (numbers, true/false, text, lists of numbers), declare PNG or JPEG bytes as {"type": "image"}, and leave out other binary ones.',
    { column: name },
  );
}
