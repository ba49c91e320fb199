import { encodeLayout, isWorthIndex } from '../../storage/index.js';
import { text, type Duck } from './duck.js';

/** A Parquet file ends with the footer's length, u32, and "PAR1". */
const TRAILER_BYTES = 8;

/**
 * Where a shard has its columns, for the index of its piece: encoded, and empty where the shard is small or has so many column
 * chunks that an index would not pay, or where a column is not one chunk a row group.
 */
export async function layoutOf(
  duck: Duck,
  { file, sizeBytes }: { file: string; sizeBytes: number },
  columns: number,
): Promise<Uint8Array> {
  const none = new Uint8Array(0);
  if (!isWorthIndex(sizeBytes, columns)) return none;
  const about = await duck.row(`SELECT num_row_groups, footer_size FROM parquet_file_metadata(${text(file)})`);
  const groups = Number(about['num_row_groups']);
  if (!isWorthIndex(sizeBytes, groups * columns)) return none;
  const rows = await duck.rows(
    `SELECT coalesce(dictionary_page_offset, data_page_offset) AS start, total_compressed_size AS bytes
    FROM parquet_metadata(${text(file)}) ORDER BY row_group_id, column_id`,
  );
  if (rows.length !== groups * columns) return none;
  const chunks = rows.map(({ start, bytes }) => ({ from: Number(start), bytes: Number(bytes) }));
  return encodeLayout({
    dataBytes: sizeBytes,
    footerFrom: sizeBytes - TRAILER_BYTES - Number(about['footer_size']),
    rowGroups: Array.from({ length: groups }, (_, i) => chunks.slice(i * columns, (i + 1) * columns)),
  });
}
