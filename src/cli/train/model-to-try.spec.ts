import { describe, expect, it } from 'vitest';
import type { Column, Manifest } from '../../catalog/manifest.js';
import { modelToTry } from './model-to-try.js';

const age: Column = { name: 'age', type: 'number', range: { min: 0, max: 100 } };
const note: Column = { name: 'note', type: 'string' };
const photo: Column = { name: 'photo', type: 'image' };
const label: Column = { name: 'label', type: 'string', vocabulary: ['cat', 'dog'] };
const tryFor = (columns: Column[], of: string | null = 'label') =>
  modelToTry({ manifest: { columns } as Manifest, label: of });

describe('the model that a newcomer is told to try', () => {
  it.each([
    ['numbers', [age, note, label], '--recipe mlp'],
    ['images alone', [photo, label], '--recipe cnn'],
    ['texts alone', [note, label], '--model model.wbm --features features.json'],
    [
      'a label without classes',
      [photo, { name: 'label', type: 'string' as const }],
      '--model model.wbm --features features.json',
    ],
    ['a label that is a measure', [photo, { ...age, name: 'label' }], '--model model.wbm --features features.json'],
  ])('reads %s', (_what, columns, options) => {
    expect(tryFor(columns)).toBe(options);
  });

  it('is no recipe where no label is named', () => {
    expect(tryFor([age, label], null)).toBe('--model model.wbm --features features.json');
  });
});
