import type { Feature } from '../declaration/features.js';
import { integerEnds } from '../declaration/stored-bytes.js';
import type { ModelDeclaration } from '../model-declaration.js';
import { doesNotFit } from '../model-errors.js';
import type { TensorShapes } from '../safetensors.js';
import { ELEMENT_TYPES } from './fields.js';
import type { ModelNode, ModelSummary } from './read-model.js';

/** Of tokenizers by their digests; of one that is not here nothing is known. */
export type LargestTokens = ReadonlyMap<string, number>;

/** Leave all numbers of their first operand as they are. */
const PASSING = ['Cast', 'Flatten', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'];

/**
 * Whether each table of the weights that an input picks from (an embedding) has a row for whatever its features can make, also where the
 * input was cast, reshaped or joined to others on the way. The trainer follows an index through arithmetic, too (`bounds.py`).
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT
 */
export function checkTables(
  { nodes }: Pick<ModelSummary, 'nodes'>,
  shapes: TensorShapes,
  features: ModelDeclaration['features'],
  tokens: LargestTokens,
): void {
  const made = new Map<string, readonly Feature[]>(Object.entries(features));
  for (const node of nodes) {
    const [table = '', index = ''] = node.inputs;
    const length = shapes.get(table)?.at(node.axis);
    if (node.op === 'Gather' && length !== undefined) {
      for (const feature of made.get(index) ?? []) checkIndex(feature, table, length, tokens);
    }
    const [output] = node.outputs;
    const passed = passedOn(node, made);
    if (output !== undefined && passed.length > 0) made.set(output, passed);
  }
}

/** The features whose numbers stand in a node's output, all of them and unchanged. */
function passedOn({ op, inputs, to }: ModelNode, made: ReadonlyMap<string, readonly Feature[]>): readonly Feature[] {
  if (op === 'Concat') return inputs.flatMap((name) => made.get(name) ?? []);
  if (!PASSING.includes(op) || to === ELEMENT_TYPES.bool) return [];
  return made.get(inputs[0] ?? '') ?? [];
}

function checkIndex(feature: Feature, table: string, length: number, tokens: LargestTokens): void {
  const { low, high } = feature.kind === 'text' ? { low: 0, high: lastToken(feature, tokens) } : integerEnds(feature);
  if (!Number.isFinite(high) || (low >= -length && high < length)) return;
  throw doesNotFit(
    `column "${feature.column}" becomes numbers from ${low} to ${high}, the table "${table}" that it picks from has ${length} rows`,
    `Give the table ${Math.max(high + 1, -low)} rows or more, or the feature narrower bounds.`,
  );
}

/**
 * Whether a graph that says the next token has a logit for each.
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT
 */
export function checkLogits(
  { outputs }: Pick<ModelSummary, 'outputs'>,
  { label, features }: ModelDeclaration,
  tokens: LargestTokens,
): void {
  const logits = outputs[0]?.shape.at(-1);
  // A size that the exporter left open is judged by the trainer.
  if (label.kind !== 'tokens' || typeof logits !== 'number') return;
  for (const feature of features[label.input] ?? []) {
    const high = feature.kind === 'text' ? lastToken(feature, tokens) : -1;
    if (high < logits) continue;
    throw doesNotFit(
      `column "${feature.column}" becomes tokens from 0 to ${high}, the graph says how likely ${logits} of them are`,
      `Give the graph ${high + 1} logits or more.`,
    );
  }
}

function lastToken({ tokenizer, pad }: Extract<Feature, { kind: 'text' }>, tokens: LargestTokens): number {
  return Math.max(pad, tokens.get(tokenizer) ?? 0);
}
