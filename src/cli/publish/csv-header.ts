import { open } from 'node:fs/promises';
import { emptyData, malformed } from './source.js';

const DELIMITERS = [',', ';', '\t', '|'] as const;
const HEAD_BYTES = 1 << 20;
const MAX_COLUMNS = 4096;
const MAX_NAME_LENGTH = 128;

export interface CsvHeader {
  delimiter: string;
  names: string[];
  /** Of the seller's file: what is read was made UTF-8 of it. */
  encoding: string;
}

/**
 * Reads the header line. DuckDB's own sniffer is not asked: given a file whose second row is too long it silently takes that row
 * for the header, and it reads 2.5 as 3 in a column that began with whole numbers.
 * @throws WeighbridgeError EMPTY_DATA, MALFORMED_DATA naming the column
 */
export async function readCsvHeader(file: string, encoding: string): Promise<CsvHeader> {
  const head = await readHead(file);
  if (head.trim() === '') throw emptyData('the file');
  const records = DELIMITERS.map((delimiter) => ({ delimiter, names: firstRecord(head, delimiter) }));
  // Array.sort is stable: on a tie the comma wins.
  const [best] = records.sort((a, b) => b.names.length - a.names.length);
  const { delimiter, names } = best ?? { delimiter: ',', names: [] };
  checkNames(names);
  return { delimiter, names, encoding };
}

async function readHead(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    // Not fatal: a character may be cut in two at the end of the head. The body's encoding is checked when it is read.
    return new TextDecoder('utf-8').decode(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/** RFC 4180 section 2: fields in double quotes may hold the delimiter, line breaks, and quotes written twice. */
function firstRecord(head: string, delimiter: string): string[] {
  const names: string[] = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < head.length; i++) {
    const char = head[i] ?? '';
    if (char === '"' && quoted && head[i + 1] === '"') {
      field += head[++i] ?? '';
    } else if (char === '"') {
      quoted = !quoted;
    } else if (char === delimiter && !quoted) {
      names.push(field.trim());
      field = '';
    } else if ((char === '\n' || char === '\r') && !quoted) {
      break;
    } else {
      field += char;
    }
  }
  return [...names, field.trim()];
}

function checkNames(names: string[]): void {
  const next = 'Give the first line of the file one name for each column.';
  if (names.length > MAX_COLUMNS)
    throw malformed(`the header names ${names.length} columns, at most ${MAX_COLUMNS} are taken`, next);
  if (names.every((name) => name !== '' && Number.isFinite(Number(name)))) {
    throw malformed('the first line holds numbers, not column names', next);
  }
  names.forEach((name, i) => {
    if (name === '') throw malformed(`column ${i + 1} has no name in the header`, next, { column: i + 1 });
    if (name.includes('\0')) throw malformed(`the name of column ${i + 1} holds a NUL`, next, { column: i + 1 });
    if (name.length > MAX_NAME_LENGTH) {
      throw malformed(`the name of column ${i + 1} is longer than ${MAX_NAME_LENGTH} characters`, next, {
        column: i + 1,
      });
    }
  });
  assertDistinct(names);
}

/** DuckDB's name for the number of a row; a column of that name would hide it. */
const RESERVED = 'file_row_number';

/** Parquet readers tell columns apart without regard to case. @throws WeighbridgeError MALFORMED_DATA */
export function assertDistinct(names: string[]): void {
  if (names.some((name) => name.toLowerCase() === RESERVED)) {
    throw malformed(`"${RESERVED}" cannot be the name of a column`, 'Rename the column.', { column: RESERVED });
  }
  const seen = new Map<string, number>();
  names.forEach((name, i) => {
    const first = seen.get(name.toLowerCase());
    if (first !== undefined) {
      throw malformed(
        names[first] === name
          ? `columns ${first + 1} and ${i + 1} are both called "${name}"`
          : `columns ${first + 1} and ${i + 1} are called "${names[first]}" and "${name}"`,
        'Give each column a name of its own; case does not tell names apart.',
        {
          column: name,
        },
      );
    }
    seen.set(name.toLowerCase(), i);
  });
}
