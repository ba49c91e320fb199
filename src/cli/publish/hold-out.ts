import path from 'node:path';
import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { holdoutKeyOf } from '../../storage/index.js';
import { ident, parquetFormat, parquetRows, text, type Duck } from './duck.js';
import type { PublishPlan } from './plan.js';
import type { Source, SourceColumn } from './source.js';

/** Hex digits of a hash that are compared with the share: 52 bits, which a double holds exactly. */
const DIGITS = 13;

/**
 * Divides the rows into those that train and those that are held out. Each goes by a keyed SHA-256 of its values (docs/privacy.md): rows that are
 * equal stay together (none is trained on and measured with), a row is on the same side in every version, and nobody without
 * the seller's secret can make one that is held out. Where the terms protect all rows of a unit together, a unit goes whole.
 * @param secret - the seller's shard secret
 * @returns the same source without `holdout` where the terms hold nothing out
 * @throws WeighbridgeError BAD_INPUT if a side would be empty
 */
export async function divideRows(
  duck: Duck,
  source: Source,
  privateDir: string,
  { terms: { privacy } }: Pick<PublishPlan, 'terms'>,
  { secret, datasetId }: { secret: Uint8Array; datasetId: Bytes32 },
): Promise<{ training: Source; heldOut: Source | undefined }> {
  const { holdout: share, budget } = privacy;
  if (share === undefined) return { training: source, heldOut: undefined };
  const isHeldOut = heldOutSql(source, share, budget?.unitColumn, holdoutKeyOf(secret, datasetId));
  const heldOut = await side(duck, source, path.join(privateDir, 'rows-held-out.parquet'), isHeldOut);
  const training = await side(duck, source, path.join(privateDir, 'rows-training.parquet'), `NOT (${isHeldOut})`);
  if (training.rowCount > 0 && heldOut.rowCount > 0) return { training, heldOut };
  throw new WeighbridgeError(
    'BAD_INPUT',
    `of ${source.rowCount} rows, ${heldOut.rowCount} would be held out: one side is empty`,
    { next: 'Give more rows, or another --holdout.' },
  );
}

function heldOutSql({ columns }: Source, share: number, unitColumn: string | undefined, key: string): string {
  const decides = columns.filter(({ name }) => unitColumn === undefined || name === unitColumn);
  const hash = `sha256(concat(${[text(key), ...decides.map(canonicalSql)].join(', ')}))`;
  const limit = Math.floor(share * 16 ** DIGITS)
    .toString(16)
    .padStart(DIGITS, '0');
  return `substr(${hash}, 1, ${DIGITS}) < ${text(limit)}`;
}

/**
 * A value as text that no release of DuckDB writes otherwise, after its length, so that no two rows have the same text: a number is the
 * 64 bits of its IEEE 754 double, an image the SHA-256 of its bytes. No value is `-`.
 */
function canonicalSql({ type, sql }: Pick<SourceColumn, 'type' | 'sql'>): string {
  const written = writtenSql(type, sql);
  return `coalesce(strlen(${written}) || ':' || ${written}, '-')`;
}

function writtenSql(type: SourceColumn['type'], sql: string): string {
  switch (type) {
    case 'number':
      return bitsSql(sql);
    case 'tensor':
      return `array_to_string(list_transform(${sql}, x -> ${bitsSql('x')}), '')`;
    case 'image':
      return `sha256(${sql})`;
    case 'integer':
    case 'boolean':
    case 'string':
      return `CAST(${sql} AS VARCHAR)`;
  }
}

/** Zero is added, because -0 is 0 to whoever compares rows. */
function bitsSql(sql: string): string {
  return `CAST(CAST(CAST(${sql} AS DOUBLE) + 0 AS BIT) AS VARCHAR)`;
}

/** Plaintext, in the private directory like the shards that are made of it. */
async function side(duck: Duck, source: Source, file: string, where: string): Promise<Source> {
  const { columns, sizeBytes, rowCount } = source;
  const rows = `SELECT * EXCLUDE (${ident('file_row_number')}) FROM ${parquetRows(source.parquetFile)} WHERE ${where}`;
  await duck.run(`COPY (${rows}) TO ${text(file)} ${parquetFormat(columns.length, 'snappy', sizeBytes / rowCount)}`);
  const { n } = await duck.row(`SELECT count(*) AS n FROM ${parquetRows(file)}`);
  return { ...source, parquetFile: file, rowCount: Number(n), sizeBytes: (sizeBytes * Number(n)) / rowCount };
}
