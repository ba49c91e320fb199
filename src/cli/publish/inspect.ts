import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Cli } from '../cli.js';
import { table } from '../ui/table.js';
import { bytes, counted, plain } from '../ui/text.js';
import { checkDeclared } from './check-declared.js';
import { readDeclaredColumns } from './declared-columns.js';
import { openDuck } from './duck.js';
import { qualityOf, type QualityReport } from './quality.js';
import { formatOf, readSource, type Format } from './read.js';
import { encodingNamed } from './transcode.js';

export interface InspectOptions {
  label?: string;
  columns?: string;
  format?: Format;
  encoding?: string;
}

/**
 * Shows what `publish` would list of a file, and what the seller should know of it first. Nothing is sent anywhere: it needs
 * no network and no key.
 */
export async function inspect(cli: Cli, file: string, options: InspectOptions): Promise<void> {
  const declared = options.columns === undefined ? {} : await readDeclaredColumns(options.columns);
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-inspect-'));
  try {
    const duck = await openDuck(dir);
    try {
      const format = options.format ?? formatOf(file);
      const encoding = options.encoding === undefined ? undefined : encodingNamed(options.encoding);
      const source = await readSource(duck, file, format, dir, declared, encoding);
      await checkDeclared(duck, source, declared, options.label);
      const quality = await qualityOf(duck, source, options.label);
      const public_ = { format, columns: source.columns.map(({ name, type }) => ({ name, type, ...declared[name] })) };
      cli.ui.result({ listed: public_, quality }, () => lines(quality, source.sizeBytes, cli.ui.err.yellow));
    } finally {
      duck.close();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function lines(quality: QualityReport, sizeBytes: number, mark: (text: string) => string): string[] {
  const { rowCount, duplicateRows, columns, labels } = quality;
  const rows = columns.map(({ name, type, missing, constant, personal, decimalComma, losesZeros }) => {
    const remarks = [
      ...(missing > 0 ? [`${missing} missing`] : []),
      ...(constant ? ['the same in every row'] : []),
      ...(decimalComma === true ? [mark('numbers with a decimal comma, kept as text: write a point')] : []),
      ...(losesZeros === true ? [mark('loses leading zeros: declare {"type": "string"} if these are codes')] : []),
      ...(personal === undefined ? [] : [mark(`may be personal data: ${personal}`)]),
    ];
    return [`  ${plain(name)}`, type, remarks.join('; ')];
  });
  return [
    `${counted(rowCount, 'row')}, ${counted(columns.length, 'column')}, about ${bytes(sizeBytes)} before encryption`,
    '',
    'Buyers would see the names and types of columns, the number of rows, and what you declare with --columns:',
    ...table(rows),
    '',
    'For you alone, never uploaded:',
    `  ${duplicateRows === 0 ? 'no row is there twice' : `${counted(duplicateRows, 'row is', 'rows are')} there more than once`}`,
    ...(labels ?? []).map(
      ({ value, rows: n }) => `  label ${plain(value)}: ${counted(n, 'row')}, ${share(n, rowCount)}`,
    ),
  ];
}

function share(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}
