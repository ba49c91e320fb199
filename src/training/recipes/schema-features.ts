import type { Column, Manifest } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import type { Feature } from '../declaration/features.js';
import type { Label } from '../declaration/labels.js';
import { doesNotFit } from '../model-errors.js';

const MAX_CLASSES = 4096;
/** What images are brought to: small enough for a CPU, in colour, from -1 to 1. */
const IMAGE = {
  height: 32,
  width: 32,
  channels: 3,
  resize: 'bilinear',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
} as const;

export interface SchemaFeatures {
  features: Feature[];
  label: Extract<Label, { kind: 'class' }>;
  /**
   * Columns that the seller declared neither a range nor a vocabulary for, and so nothing public to scale or encode them by; beside
   * images, every other column.
   */
  skippedColumns: string[];
}

/**
 * Turns a dataset's public schema into features and classes, with the seller's declared ranges and vocabularies as the
 * only constants.
 * @param readsImages - whether the recipe takes a column of images, and then nothing else, where there is one
 * @throws WeighbridgeError BAD_INPUT if no label is named, MODEL_DOES_NOT_FIT if nothing can be learned from the schema
 */
export function schemaFeatures(
  manifest: Pick<Manifest, 'columns' | 'label'>,
  labelColumn?: string,
  readsImages = false,
): SchemaFeatures {
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
  const image = others.find(({ type }) => type === 'image');
  const features =
    image !== undefined && readsImages ? [imageOf(image)] : others.flatMap((candidate) => featureOf(candidate) ?? []);
  if (features.length === 0) {
    throw doesNotFit(
      'no column has a declared range or vocabulary',
      image === undefined
        ? 'Choose a dataset whose seller declares them, or bring a model of your own: --model and --features.'
        : 'Use --recipe cnn, which reads its images.',
    );
  }
  const used = new Set(features.map((feature) => feature.column));
  return {
    features,
    label: { kind: 'class', column: name, classes: classesOf(column) },
    skippedColumns: others.map((candidate) => candidate.name).filter((candidate) => !used.has(candidate)),
  };
}

function imageOf({ name }: Column): Feature {
  return { kind: 'image', column: name, ...IMAGE, mean: [...IMAGE.mean], std: [...IMAGE.std] };
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
