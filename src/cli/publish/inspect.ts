import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Column } from '../../catalog/manifest.js';
import type { Cli } from '../cli.js';
import { declaredText } from '../ui/declared-text.js';
import { table } from '../ui/table.js';
import { bytes, counted, plain } from '../ui/text.js';
import { checkDeclared } from './check-declared.js';
import { readDeclaredColumns } from './declared-columns.js';
import { openDuck } from './duck.js';
import { columnsBeside } from './plan.js';
import { previewColumns } from './preview.js';
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
  const columnsFile = options.columns ?? columnsBeside(file);
  const declared = columnsFile === undefined ? {} : await readDeclaredColumns(columnsFile);
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-inspect-'));
  try {
    const duck = await openDuck(dir);
    try {
      const format = options.format ?? formatOf(file);
      const encoding = options.encoding === undefined ? undefined : encodingNamed(options.encoding);
      const source = await readSource(duck, file, format, dir, declared, encoding);
      await checkDeclared(duck, source, declared, options.label);
      const quality = await qualityOf(duck, source, options.label);
      const columns = previewColumns(source, declared);
      cli.ui.result({ listed: { format, columns }, quality }, () => [
        ...listedLines(columns, quality, source.sizeBytes, columnsFile, cli.ui.err.yellow),
        '',
        ...privateLines(quality),
      ]);
    } finally {
      duck.close();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function listedLines(
  listed: readonly Column[],
  { rowCount, columns }: QualityReport,
  sizeBytes: number,
  columnsFile: string | undefined,
  mark: (text: string) => string,
): string[] {
  const rows = columns.map(({ name, type, missing, constant, personal, decimalComma, losesZeros }, i) => {
    const remarks = [
      ...(missing > 0 ? [`${missing} missing`] : []),
      ...(constant ? ['the same in every row'] : []),
      ...(decimalComma === true ? [mark('numbers with a decimal comma, kept as text: write a point')] : []),
      ...(losesZeros === true ? [mark('loses leading zeros: declare {"type": "string"} if these are codes')] : []),
      ...(personal === undefined ? [] : [mark(`may be personal data: ${personal}`)]),
    ];
    return [`  ${plain(name)}`, type, declaredText(listed[i] ?? {}) ?? '', remarks.join('; ')];
  });
  return [
    `${counted(rowCount, 'row')}, ${counted(columns.length, 'column')}, about ${bytes(sizeBytes)} before encryption`,
    '',
    'Buyers would see the names and types of columns, the number of rows, and what you declare of them',
    columnsFile === undefined
      ? '(nothing: give --columns, and recipes can train on them):'
      : `(in ${plain(columnsFile)}):`,
    ...table(rows),
  ];
}

function privateLines({ rowCount, duplicateRows, labels }: QualityReport): string[] {
  return [
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
