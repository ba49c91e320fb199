import type { Column, Manifest } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import type { Feature } from '../declaration/features.js';
import type { Label } from '../declaration/labels.js';
import { doesNotFit } from '../model-errors.js';

const MAX_CLASSES = 4096;

export interface SchemaFeatures {
  features: Feature[];
  label: Extract<Label, { kind: 'class' }>;
  /** Columns that the seller declared neither a range nor a vocabulary for: nothing public to scale or encode them by. */
  skippedColumns: string[];
}

/**
 * Turns a dataset's public schema into features and classes, with the seller's declared ranges and vocabularies as the
 * only constants.
 * @throws WeighbridgeError BAD_INPUT if no label is named, MODEL_DOES_NOT_FIT if nothing can be learned from the schema
 */
export function schemaFeatures(manifest: Pick<Manifest, 'columns' | 'label'>, labelColumn?: string): SchemaFeatures {
  const name = labelColumn ?? manifest.label;
  if (name === undefined) {
    throw new WeighbridgeError('BAD_INPUT', 'the dataset has no label column of its own', {
      next: 'Name the column to predict with --label.',
    });
  }
  const column = manifest.columns.find((candidate) => candidate.name === name);
  if (column === undefined) {
    throw doesNotFit(`the dataset has no column "${name}"`, 'Name one of its columns as the label.');
  }
  const others = manifest.columns.filter((candidate) => candidate.name !== name);
  const features = others.flatMap((candidate) => featureOf(candidate) ?? []);
  if (features.length === 0) {
    throw doesNotFit('no column has a declared range or vocabulary', 'Choose a dataset whose seller declares them.');
  }
  const used = new Set(features.map((feature) => feature.column));
  return {
    features,
    label: { kind: 'class', column: name, classes: classesOf(column) },
    skippedColumns: others.map((candidate) => candidate.name).filter((candidate) => !used.has(candidate)),
  };
}

/** What a column is encoded as for a float32 input; undefined if its seller declares nothing public of it. */
export function featureOf(column: Column): Feature | undefined {
  if (column.vocabulary !== undefined) {
    return { kind: 'one-hot', column: column.name, vocabulary: column.vocabulary };
  }
  if (column.type === 'boolean') return { kind: 'scale', column: column.name, min: 0, max: 1 };
  if ((column.type !== 'number' && column.type !== 'integer') || column.range === undefined) return undefined;
  const { min, max } = column.range;
  return min < max ? { kind: 'scale', column: column.name, min, max } : undefined;
}

/** The classes that a column's declaration names. @throws WeighbridgeError MODEL_DOES_NOT_FIT if it names none */
export function classesOf(column: Column): (string | number)[] {
  if (column.vocabulary !== undefined && column.vocabulary.length >= 2) return column.vocabulary;
  if (column.type === 'boolean') return [0, 1];
  if (column.type === 'integer' && column.range !== undefined) {
    const { min, max } = column.range;
    const count = max - min + 1;
    if (Number.isInteger(min) && count >= 2 && count <= MAX_CLASSES)
      return Array.from({ length: count }, (_, k) => min + k);
  }
  throw doesNotFit(
    `column "${column.name}" has no declared vocabulary or integer range of 2 to ${MAX_CLASSES} classes`,
    'Choose a label column with declared classes.',
  );
}
