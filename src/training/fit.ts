import type { Column, Manifest } from '../catalog/manifest.js';
import { sha256Hex } from '../kernel/index.js';
import { shapesOf } from './gate.js';
import type { Feature, ModelDeclaration } from './model-declaration.js';
import { doesNotFit, modelRejected } from './model-errors.js';
import { checkModel } from './onnx/check-model.js';
import { WireError } from './onnx/wire.js';
import { featureWidth } from './recipes/schema-features.js';
import type { TensorShapes } from './safetensors.js';

export const MAX_GRAPH_BYTES = 4 << 20;
export const MAX_WEIGHTS_BYTES = 256 << 20;
/** What the rows may take as numbers in the memory of a box. */
export const MAX_FEATURE_BYTES = 2 * 2 ** 30;

/**
 * Checks before payment that a model is one that the trainer can take and that it fits the dataset's public schema. The
 * trainer checks all of it again, and what only running can show (shapes inside the graph, budgets).
 * @returns names and shapes of the submitted weights, as the gate wants them.
 * @throws WeighbridgeError MODEL_REJECTED (the files are not a model of the profile), MODEL_DOES_NOT_FIT (they are, but not
 *   for these columns)
 */
export function checkFit(
  manifest: Pick<Manifest, 'columns' | 'rowCount'>,
  declaration: ModelDeclaration,
  graph: Uint8Array,
  weights: Uint8Array,
): TensorShapes {
  checkDigest('graph.onnx', graph, declaration.graph, MAX_GRAPH_BYTES);
  checkDigest('weights.safetensors', weights, declaration.weights, MAX_WEIGHTS_BYTES);
  const shapes = shapesOf(weights);
  try {
    checkModel(graph, shapes, declaration);
  } catch (error) {
    if (error instanceof WireError) throw modelRejected(`graph.onnx: ${error.message}`);
    throw error;
  }
  checkColumns(manifest.columns, declaration);
  checkMemory(manifest.rowCount, declaration);
  return shapes;
}

function checkDigest(name: string, bytes: Uint8Array, digest: string, maxBytes: number): void {
  if (bytes.length > maxBytes) throw modelRejected(`${name} has ${bytes.length} bytes, at most ${maxBytes} are taken`);
  if (sha256Hex(bytes) !== digest) throw modelRejected(`${name} is not the file whose digest the declaration names`);
}

function checkColumns(columns: readonly Column[], { features, label, input }: ModelDeclaration): void {
  const byName = new Map(columns.map((column) => [column.name, column]));
  for (const feature of features) checkFeature(feature, columnOf(byName, feature.column));
  checkWords(columnOf(byName, label.column), label.classes);
  if (features.some((feature) => feature.column === label.column)) {
    throw doesNotFit(
      `column "${label.column}" is both a feature and the label`,
      'Leave the label out of the features.',
    );
  }
  const width = features.reduce((sum, feature) => sum + featureWidth(feature), 0);
  const inputs = input.shape.reduce((product, size) => product * size, 1);
  if (width !== inputs) {
    throw doesNotFit(`the features are ${width} numbers wide, the graph takes ${inputs}`, 'Make the two agree.');
  }
}

function checkMemory(rowCount: number, { input }: ModelDeclaration): void {
  const bytes = rowCount * input.shape.reduce((product, size) => product * size, 4);
  if (bytes > MAX_FEATURE_BYTES) {
    throw doesNotFit(
      `${rowCount} rows of ${bytes / rowCount / 4} numbers take ${bytes} bytes, at most ${MAX_FEATURE_BYTES} are given`,
      'Use fewer columns, or smaller vocabularies.',
    );
  }
}

function checkFeature(feature: Feature, column: Column): void {
  if (feature.kind === 'one-hot') return checkWords(column, feature.vocabulary);
  if (column.type === 'string') {
    throw doesNotFit(`column "${column.name}" holds text and cannot be scaled`, 'Encode it with a vocabulary.');
  }
  if (!(feature.min < feature.max)) {
    throw doesNotFit(`column "${column.name}" is scaled by an empty range`, 'Give a minimum below the maximum.');
  }
}

function checkWords(column: Column, words: readonly (string | number)[]): void {
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

function columnOf(byName: ReadonlyMap<string, Column>, name: string): Column {
  const column = byName.get(name);
  if (column === undefined) throw doesNotFit(`the dataset has no column "${name}"`, 'Use the columns of its schema.');
  return column;
}
