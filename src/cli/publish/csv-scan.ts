import type { CsvHeader } from './csv-header.js';
import { text } from './duck.js';
import { malformed } from './source.js';

/** How a CSV column is read: the exact type is found afterwards, on all rows. */
export type Physical = 'DOUBLE' | 'VARCHAR';

/**
 * What is read of the file at once, at least the longest line that is taken. DuckDB's own 32 MiB are 100 MB more memory for a file of 100 MiB, and
 * a tenth more time to read it in: every page is touched for the first time.
 */
const BUFFER_BYTES = 4 << 20;

/** The file as a table, read by the letter: nothing sniffed, padded or skipped. */
export function scanCsv(
  file: string,
  { delimiter, names }: CsvHeader,
  types: Map<string, Physical>,
  extra: string,
): string {
  const columns = names.map((name) => `${text(name)}: '${types.get(name) ?? 'VARCHAR'}'`).join(', ');
  return `read_csv(${text(file)}, auto_detect=false, header=true, delim=${text(delimiter)}, quote='"', escape='"', strict_mode=true, null_padding=false, buffer_size=${BUFFER_BYTES}, columns={${columns}}, ${extra})`;
}

/** Runs a query over the file, with the parser's own complaints in our words. */
export async function parsing<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof Error && /state machine|not utf-8|new_?line/i.test(error.message)) {
      const line = /CSV Error on Line: (\d+)/.exec(error.message)?.[1];
      const where = line === undefined ? '' : ` near line ${line}`;
      throw malformed(
        `the file is not a CSV file that can be read strictly${where}`,
        'Save it as UTF-8 with the same line ends throughout and every quote closed.',
      );
    }
    throw error;
  }
}
