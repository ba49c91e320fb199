import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildRecipe } from '../../src/training/index.js';
import { estimateModel } from './estimate-model.js';

// Real: the trainer's own reading, lowering, budgets and compilation, in its own Python.
const root = path.resolve(import.meta.dirname, '../..');
const columns = ['p', 'q', 'r'].map((name) => ({ name, type: 'number' as const, range: { min: 0, max: 10 } }));
const manifest = { columns: [...columns, { name: 'kind', type: 'boolean' as const }], label: 'kind' };
const { declaration, graph, weights } = buildRecipe('mlp', { manifest, epochs: 2 });

describe('what the trainer says of a model before anybody pays', { timeout: 240_000 }, () => {
  it('is its cost, if it is admitted', async () => {
    const estimate = await estimateModel(root, { declaration, graph, weights }, 100);
    expect(estimate).toMatchObject({ admitted: true, calls: 5, steps: 2 * Math.ceil(100 / 32), microBatchRows: 32 });
    if (estimate?.admitted !== true) return;
    // Three layers of 3x64, 64x32 and 32x2 numbers: two operations each forward, and about twice that backward.
    expect(estimate.flopsPerRow).toBeGreaterThan(3 * 2 * 2_000);
    expect(estimate.flopsPerRow).toBeLessThan(100_000);
    expect(estimate.memoryBytes).toBeGreaterThan(weights.length);
  });

  it('is yes to a transformer whose columns are words', async () => {
    const town = { name: 'town', type: 'string' as const, vocabulary: ['Bern', 'Chur', 'Olten'] };
    const model = buildRecipe('transformer', { manifest: { ...manifest, columns: [town, ...manifest.columns] } });
    expect(await estimateModel(root, model, 100)).toMatchObject({ admitted: true });
  });

  it('is its reason, if it is not', async () => {
    const wider = { ...declaration, label: { kind: 'class' as const, column: 'kind', classes: [0, 1, 2] } };
    expect(await estimateModel(root, { declaration: wider, graph, weights }, 100)).toMatchObject({
      admitted: false,
      reason: 'model-rejected',
    });
  });

  it('is nothing where the trainer is not installed', async () => {
    expect(await estimateModel('/nowhere', { declaration, graph, weights }, 100)).toBeUndefined();
  });
});
