import type { Column } from '../catalog/manifest.js';
import type { WeighbridgeError } from '../kernel/index.js';
import { product, type Feature } from './declaration/features.js';
import type { Label } from './declaration/labels.js';
import type { ModelDeclaration } from './model-declaration.js';
import { doesNotFit } from './model-errors.js';

const NUMERIC: readonly Column['type'][] = ['number', 'integer', 'boolean'];

type Columns = ReadonlyMap<string, Column>;

/**
 * Whether the columns that a declaration reads are there and hold what it reads them as.
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT
 */
export function checkColumns(columns: readonly Column[], { features, label }: ModelDeclaration): void {
  const byName = new Map(columns.map((column) => [column.name, column]));
  for (const feature of Object.values(features).flat()) checkFeature(feature, columnOf(byName, feature.column));
  checkLabel(label, byName);
}

function checkFeature(feature: Feature, column: Column): void {
  switch (feature.kind) {
    case 'scale':
      checkScale(column, feature);
      return;
    case 'standardise':
      checkScale(column, feature);
      checkWidth(column, feature);
      return;
    case 'one-hot':
    case 'category':
      checkWords(column, feature.vocabulary);
      return;
    case 'text':
    case 'text-mask':
      if (column.type !== 'string') throw wrongType(column, 'text');
      return;
    case 'image':
      if (column.type !== 'image') throw wrongType(column, 'images');
      return;
    case 'tensor':
      checkTensor(column, feature.shape);
      if (feature.min > feature.max) throw emptyRange(column);
      return;
  }
}

function checkLabel(label: Label, byName: Columns): void {
  switch (label.kind) {
    case 'class':
      checkWords(columnOf(byName, label.column), label.classes);
      return;
    case 'class-map':
      checkTensor(columnOf(byName, label.column), label.shape);
      return;
    case 'binary':
      for (const { column, positive } of label.columns) checkWords(columnOf(byName, column), [positive]);
      return;
    case 'numbers':
      for (const target of label.columns) checkScale(columnOf(byName, target.column), target);
      return;
    case 'tokens':
      return;
  }
}

function checkScale(column: Column, { min, max }: { min: number; max: number }): void {
  if (!NUMERIC.includes(column.type)) {
    throw doesNotFit(
      `column "${column.name}" holds ${column.type} values and cannot be scaled`,
      'Encode it otherwise.',
    );
  }
  if (!(min < max)) throw emptyRange(column);
}

/** A deviation that is told from its mean, in doubles: the least one is some 2^-18 of the range (moments.ts). */
function checkWidth(column: Column, { min, max }: { min: number; max: number }): void {
  if (max - min >= Math.max(Math.abs(min), Math.abs(max)) / 2 ** 20 && Number.isFinite(max - min)) return;
  throw doesNotFit(
    `column "${column.name}" is standardised within a range that is too narrow or too wide`,
    'Give a minimum and a maximum that most values lie between.',
  );
}

function checkTensor(column: Column, shape: readonly number[]): void {
  if (column.type !== 'tensor') {
    throw doesNotFit(`column "${column.name}" holds no lists of numbers`, 'Name a column of type tensor.');
  }
  if (column.shape !== undefined && product(column.shape) !== product(shape)) {
    throw doesNotFit(`column "${column.name}" holds ${product(column.shape)} numbers a row`, 'Give its own shape.');
  }
}

function checkWords(column: Column, words: readonly (string | number)[]): void {
  if (column.type === 'tensor' || column.type === 'image') throw wrongType(column, 'words');
  const wanted = column.type === 'string' ? 'string' : 'number';
  if (words.some((word) => typeof word !== wanted)) {
    throw doesNotFit(
      `column "${column.name}" holds a ${column.type}, its words are not`,
      `Give words of type ${wanted}.`,
    );
  }
  if (new Set(words).size !== words.length) {
    throw doesNotFit(`column "${column.name}" has a word twice`, 'Name each word once.');
  }
}

function columnOf(byName: Columns, name: string): Column {
  const column = byName.get(name);
  if (column === undefined) throw doesNotFit(`the dataset has no column "${name}"`, 'Use the columns of its schema.');
  return column;
}

function wrongType({ name, type }: Column, wanted: string): WeighbridgeError {
  return doesNotFit(`column "${name}" is of type ${type} and holds no ${wanted}`, 'Use a feature of its own type.');
}

function emptyRange({ name }: Column): WeighbridgeError {
  return doesNotFit(`column "${name}" is scaled by an empty range`, 'Give a minimum below the maximum.');
}
