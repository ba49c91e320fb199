import type { Manifest } from '../catalog/manifest.js';
import { sha256Hex } from '../kernel/index.js';
import { checkColumns } from './fit-columns.js';
import { checkAgreement } from './fit-declaration.js';
import { checkRows } from './fit-rows.js';
import { MAX_TOKENIZER_BYTES } from './declaration/features.js';
import { largestToken } from './declaration/largest-token.js';
import { shapesOf } from './gate.js';
import type { ModelDeclaration } from './model-declaration.js';
import { modelRejected } from './model-errors.js';
import { checkModel } from './onnx/check-model.js';
import { WireError } from './onnx/wire.js';
import { checkPrivacy } from './private-run.js';
import type { TensorShapes } from './safetensors.js';

export const MAX_GRAPH_BYTES = 4 << 20;
export const MAX_WEIGHTS_BYTES = 256 << 20;

/**
 * Checks before payment that a model is one that the trainer can take and that it fits the dataset's public schema. The
 * trainer checks all of it again, and what only running can show (shapes inside the graph, budgets).
 * @param tokenizers - those that the features name; what one makes that is not here is not looked at
 * @returns names and shapes of the submitted weights, as the gate wants them.
 * @throws WeighbridgeError MODEL_REJECTED (the files are not a model of the profile), MODEL_DOES_NOT_FIT (they are, but not
 *   for these columns)
 */
export function checkFit(
  manifest: Pick<Manifest, 'columns' | 'rowCount' | 'pieces'>,
  declaration: ModelDeclaration,
  graph: Uint8Array,
  weights: Uint8Array,
  tokenizers: readonly Uint8Array[],
): TensorShapes {
  checkDigest('graph.onnx', graph, declaration.graph, MAX_GRAPH_BYTES);
  checkDigest('weights.safetensors', weights, declaration.weights, MAX_WEIGHTS_BYTES);
  const shapes = shapesOf(weights);
  checkAgreement(declaration, shapes, manifest.rowCount);
  const tokens = new Map(tokenizers.map((bytes) => [sha256Hex(bytes), largestToken(readTokenizer(bytes))]));
  try {
    checkModel(graph, shapes, declaration, tokens);
  } catch (error) {
    if (error instanceof WireError) throw modelRejected(`graph.onnx: ${error.message}`);
    throw error;
  }
  checkColumns(manifest.columns, declaration);
  checkPrivacy(declaration, manifest);
  checkRows(manifest, declaration);
  return shapes;
}

/** What a tokenizer is, its library in the box decides; that it is JSON of a bounded size is known here. @throws WeighbridgeError MODEL_REJECTED */
export function readTokenizer(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_TOKENIZER_BYTES) {
    throw modelRejected(`a tokenizer.json has ${bytes.length} bytes, at most ${MAX_TOKENIZER_BYTES} are taken`);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw modelRejected('a tokenizer is not JSON');
  }
}

function checkDigest(name: string, bytes: Uint8Array, digest: string, maxBytes: number): void {
  if (bytes.length > maxBytes) throw modelRejected(`${name} has ${bytes.length} bytes, at most ${maxBytes} are taken`);
  if (sha256Hex(bytes) !== digest) throw modelRejected(`${name} is not the file whose digest the declaration names`);
}
