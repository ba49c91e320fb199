import type { Manifest } from '../catalog/manifest.js';
import { product } from './declaration/features.js';
import type { Label } from './declaration/labels.js';
import { storedBytes } from './declaration/stored-bytes.js';
import { heldOutOf } from './metric.js';
import type { ModelDeclaration } from './model-declaration.js';
import { doesNotFit } from './model-errors.js';

/** What rows may take in the memory of a box. More of them are sealed on the worker's disk. */
export const MAX_ROWS_BYTES = 2 * 2 ** 30;
/** What sealed rows may take there. */
export const MAX_SPOOL_BYTES = 128 * 2 ** 30;
/** What the rows of one step may take, where not all rows are in memory: they are there several times over. */
export const MAX_BATCH_BYTES = 2 ** 28;

/** Of a row that is sealed by itself: the tag of AES-GCM (spool.py). */
const TAG_BYTES = 16;
const NUMBER_BYTES = 4;
/** What stays in memory of a row that is sealed: its place in an epoch's order, and in the next one's. */
const ORDER_BYTES = 16;
/** And of a named unit, if each row is one of its own: its name, its number, and which rows it has. */
const UNIT_BYTES = 224;

export interface RowsRoom {
  rowBytes: number;
  /** All rows that a job reads, in the memory of a box. */
  bytes: number;
  /** The same, sealed. */
  sealedBytes: number;
}

/** What the rows of a job take, by public facts alone; the trainer counts the same (`bytes_of_rows`, stored.py). */
export function roomOf(
  { rowCount, pieces }: Pick<Manifest, 'rowCount' | 'pieces'>,
  { inputs, features, label, privacy }: Pick<ModelDeclaration, 'inputs' | 'features' | 'label' | 'privacy'>,
): RowsRoom {
  const bytesEach = inputs.map(({ name, shape, dtype }) => product(shape) * storedBytes(dtype, features[name] ?? []));
  const rowBytes = bytesEach.reduce((sum, each) => sum + each, targetBytes(label));
  const rows = rowCount + (heldOutOf(pieces, privacy)?.rows ?? 0);
  return { rowBytes, bytes: rows * rowBytes, sealedBytes: rows * (rowBytes + TAG_BYTES) };
}

/** @throws WeighbridgeError MODEL_DOES_NOT_FIT for rows that no box has room for, in memory or sealed */
export function checkRows(manifest: Pick<Manifest, 'rowCount' | 'pieces'>, declaration: ModelDeclaration): void {
  const { rowBytes, bytes, sealedBytes } = roomOf(manifest, declaration);
  if (bytes <= MAX_ROWS_BYTES) return;
  const { rowCount } = manifest;
  if (sealedBytes > MAX_SPOOL_BYTES) {
    throw doesNotFit(
      `${rowCount} rows of ${rowBytes} bytes take ${sealedBytes} bytes of a worker's disk, at most ${MAX_SPOOL_BYTES} are given`,
      'Use fewer columns, smaller vocabularies, or an input of their own for words and categories, which take a byte or two each there.',
    );
  }
  const { privacy, batchRows } = declaration;
  const unit = privacy !== 'none' && privacy.unit.kind === 'column' ? privacy.unit : undefined;
  const keptBytes = unit === undefined ? ORDER_BYTES : UNIT_BYTES + NUMBER_BYTES * unit.maxRows;
  if (rowCount * keptBytes > MAX_ROWS_BYTES) {
    throw doesNotFit(
      `the order of ${rowCount} rows takes ${rowCount * keptBytes} bytes of memory, at most ${MAX_ROWS_BYTES} are given`,
      unit === undefined ? 'Train on a smaller dataset.' : 'Train on a smaller dataset, or with privacy for each row.',
    );
  }
  const stepBytes = Math.min(batchRows, rowCount) * (unit?.maxRows ?? 1) * rowBytes;
  if (stepBytes > MAX_BATCH_BYTES) {
    throw doesNotFit(
      `rows that do not fit memory come step by step, and those of a step take ${stepBytes} bytes, at most ${MAX_BATCH_BYTES} are given`,
      'Train with smaller batches (batchRows).',
    );
  }
}

/** As `target_form` has it: 32 bits a number. Of tokens there is none beside the input. */
function targetBytes(label: Label): number {
  switch (label.kind) {
    case 'class':
      return NUMBER_BYTES;
    case 'class-map':
      return NUMBER_BYTES * product(label.shape);
    case 'binary':
    case 'numbers':
      return NUMBER_BYTES * label.columns.length;
    case 'tokens':
      return 0;
  }
}
