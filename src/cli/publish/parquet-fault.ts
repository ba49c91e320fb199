import type { WeighbridgeError } from '../../kernel/index.js';
import { malformed } from './source.js';

/** How DuckDB begins what it says of a page, a footer or a value that cannot be decoded: the words of a dozen libraries follow. */
const DAMAGED =
  /^(Invalid Error: |Invalid Input Error: (Failed to read file|Invalid unicode)|IO Error: Could not read enough bytes)/;

/**
 * What a query over a Parquet file failed at, if the file is at fault. Pages are decoded when they are read, so it may come long after the file was
 * opened. DuckDB's own words name our link to the file, which tells a seller nothing.
 */
export function parquetFault(sql: string, error: unknown): WeighbridgeError | undefined {
  if (!sql.includes('read_parquet(') || !(error instanceof Error) || !DAMAGED.test(error.message)) return undefined;
  return damaged(error);
}

/** Why a file cannot be opened as Parquet. */
export function notParquet(error: unknown): WeighbridgeError {
  const words = error instanceof Error ? error.message : '';
  if (words.includes('is encrypted')) {
    return malformed(
      'the Parquet file is encrypted',
      'Give it without encryption of its own: publish encrypts all that it sends.',
    );
  }
  if (/too small to be a Parquet file|No magic bytes/.test(words)) {
    return malformed(
      'the file is not a Parquet file, or it is cut off',
      'Check the file, or name its format with --format.',
    );
  }
  return damaged(error);
}

function damaged(error: unknown): WeighbridgeError {
  const words = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
  const reason = words.replace(/^[A-Za-z ]*Error: /, '').replace(/^Failed to read file ".*": /, '');
  const shown = /["'/\\]/.test(reason) || reason === '' ? '' : ` (${reason.trim().replace(/[:.]$/, '')})`;
  return malformed(
    `the Parquet file is damaged${shown}`,
    'Write or copy it again, and see that another Parquet reader reads every row.',
  );
}
