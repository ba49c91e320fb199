import { describe, expect, it } from 'vitest';
import type { Column } from '../../catalog/manifest.js';
import { sha256Hex } from '../../kernel/index.js';
import { checkFit } from '../fit.js';
import { readModel } from '../onnx/read-model.js';
import { readSafetensors } from '../safetensors.js';
import { buildRecipe } from './build-recipe.js';

const pixels = Array.from({ length: 64 }, (_, k): Column => ({
  name: `pixel_${Math.floor(k / 8)}_${k % 8}`,
  type: 'integer',
  range: { min: 0, max: 16 },
}));
const digits = {
  columns: [...pixels, { name: 'digit', type: 'integer', range: { min: 0, max: 9 } } as Column],
  label: 'digit',
};

const people = {
  columns: [
    { name: 'id', type: 'string' },
    { name: 'age', type: 'number', range: { min: 0, max: 120 } },
    { name: 'smokes', type: 'boolean' },
    { name: 'town', type: 'string', vocabulary: ['Bern', 'Chur', 'Olten'] },
    { name: 'grade', type: 'integer', vocabulary: [3, 1, 2] },
    { name: 'sick', type: 'string', vocabulary: ['no', 'yes'] },
  ] satisfies Column[],
};

describe('recipes', () => {
  it('mlp takes ranges and vocabularies of the schema and nothing else', () => {
    const { declaration, skippedColumns } = buildRecipe('mlp', { manifest: people, label: 'sick' });
    expect(declaration.features['input']).toEqual([
      { kind: 'scale', column: 'age', min: 0, max: 120 },
      { kind: 'scale', column: 'smokes', min: 0, max: 1 },
      { kind: 'one-hot', column: 'town', vocabulary: ['Bern', 'Chur', 'Olten'] },
      { kind: 'one-hot', column: 'grade', vocabulary: [3, 1, 2] },
    ]);
    expect(declaration.label).toEqual({ kind: 'class', column: 'sick', classes: ['no', 'yes'] });
    expect(declaration.inputs[0]?.shape).toEqual([8]);
    expect(skippedColumns).toEqual(['id']);
  });

  it('names and shapes are those of a PyTorch Sequential', () => {
    const shapes = (name: 'mlp' | 'cnn'): Record<string, readonly number[]> =>
      Object.fromEntries(
        readSafetensors(buildRecipe(name, { manifest: digits }).weights, { maxBytes: 1 << 20 }).map((t) => [
          t.name,
          t.shape,
        ]),
      );
    expect(shapes('mlp')).toEqual({
      'net.0.weight': [64, 64],
      'net.0.bias': [64],
      'net.2.weight': [32, 64],
      'net.2.bias': [32],
      'net.4.weight': [10, 32],
      'net.4.bias': [10],
    });
    expect(shapes('cnn')).toEqual({
      'net.0.weight': [16, 1, 3, 3],
      'net.0.bias': [16],
      'net.3.weight': [32, 16, 3, 3],
      'net.3.bias': [32],
      'net.7.weight': [10, 128],
      'net.7.bias': [10],
    });
  });

  it('makes the same bytes for the same options, others for another seed', () => {
    const once = buildRecipe('mlp', { manifest: digits, seed: 7 });
    expect(buildRecipe('mlp', { manifest: digits, seed: 7 })).toEqual(once);
    // Fixed here because a licence is for one model digest: a change of these bytes is a new recipe, not a refactoring.
    expect(sha256Hex(once.graph)).toMatchInlineSnapshot(
      `"7efe3267a8e140c229dd462c9bdbf05fba0d0f4551726b55c51d43bb7f82b447"`,
    );
    expect(sha256Hex(once.weights)).toMatchInlineSnapshot(
      `"31423c998cf21e27d3eeaca5923fb4315e40bd9185789b7db977deee1d84f700"`,
    );
    expect(sha256Hex(buildRecipe('mlp', { manifest: digits, seed: 8 }).weights)).not.toBe(sha256Hex(once.weights));
  });

  it('draws weights with the variance of He', () => {
    const [bias, weight] = readSafetensors(buildRecipe('mlp', { manifest: digits }).weights, { maxBytes: 1 << 20 });
    const values = [...(weight?.data ?? [])];
    const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    expect(variance).toBeGreaterThan(0.95 * (2 / 64));
    expect(variance).toBeLessThan(1.05 * (2 / 64));
    expect(bias?.data.every((x) => x === 0)).toBe(true);
  });

  it.each(['mlp', 'cnn'] as const)('%s passes the fit check that buyers models pass', (name) => {
    const { declaration, graph, weights } = buildRecipe(name, { manifest: digits });
    expect(checkFit({ ...digits, rowCount: 1437 }, declaration, graph, weights).size).toBe(
      declaration.trainable.length,
    );
    expect(readModel(graph).nodes.at(-1)?.outputs).toEqual(['logits']);
  });

  it.each([
    ['no label', { manifest: { columns: people.columns } }, 'BAD_INPUT'],
    ['an unknown label', { manifest: people, label: 'digit' }, 'MODEL_DOES_NOT_FIT'],
    ['a label without classes', { manifest: people, label: 'age' }, 'MODEL_DOES_NOT_FIT'],
    ['nothing to learn from', { manifest: { columns: people.columns.slice(5) }, label: 'sick' }, 'MODEL_DOES_NOT_FIT'],
    ['no epochs', { manifest: digits, epochs: 0 }, 'BAD_INPUT'],
    ['a seed beyond 32 bits', { manifest: digits, seed: 2 ** 32 }, 'BAD_INPUT'],
  ])('refuses %s', (_name, options, code) => {
    expect(() => buildRecipe('mlp', options)).toThrow(expect.objectContaining({ code }));
  });

  it('cnn refuses columns that make no square', () => {
    expect(() => buildRecipe('cnn', { manifest: people, label: 'sick' })).toThrow(/square/);
  });
});
