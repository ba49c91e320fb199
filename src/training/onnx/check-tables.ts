import { integerEnds } from '../declaration/stored-bytes.js';
import type { ModelDeclaration } from '../model-declaration.js';
import { doesNotFit } from '../model-errors.js';
import type { TensorShapes } from '../safetensors.js';
import type { ModelSummary } from './read-model.js';

/**
 * Whether each table of the weights that an input picks from (an embedding) has a row for whatever its features can make. The trainer
 * follows an index through other operators, too (`bounds.py`), and knows how far a text's tokenizer goes.
 * @throws WeighbridgeError MODEL_DOES_NOT_FIT
 */
export function checkTables(
  { nodes }: Pick<ModelSummary, 'nodes'>,
  shapes: TensorShapes,
  features: ModelDeclaration['features'],
): void {
  for (const { op, inputs, axis } of nodes) {
    const [table = '', index = ''] = inputs;
    const length = shapes.get(table)?.at(axis);
    if (op !== 'Gather' || length === undefined || !Object.hasOwn(features, index)) continue;
    for (const feature of features[index] ?? []) {
      const { low, high } = integerEnds(feature);
      if (!Number.isFinite(high) || (low >= -length && high < length)) continue;
      throw doesNotFit(
        `column "${feature.column}" becomes numbers from ${low} to ${high}, the table "${table}" that it picks from has ${length} rows`,
        `Give the table ${Math.max(high + 1, -low)} rows or more, or the feature narrower bounds.`,
      );
    }
  }
}
