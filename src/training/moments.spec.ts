import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModelDeclaration } from './model-declaration.js';
import { fittedFeatures, momentsOf, scaledInstead, standardised } from './moments.js';

interface Setting {
  noiseMultiplier: number;
  countsUnits: boolean;
  rows: number;
  noised: string[];
  fitted: [mean: number, deviation: number][];
}
const vectors = new URL('../../test/vectors/privacy/moments.json', import.meta.url);
const { settings } = JSON.parse(readFileSync(vectors, 'utf8')) as { settings: Setting[] };

/** Of columns from -1 to 1, so that their scale is mean and deviation themselves. */
function declarationOf({ noiseMultiplier, countsUnits, fitted }: Setting): ModelDeclaration {
  const input = fitted.map((_, k) => ({ kind: 'standardise', column: `c${k}`, min: -1, max: 1 }));
  const unit = countsUnits ? { kind: 'column', column: 'patient', maxRows: 4 } : { kind: 'row' };
  const privacy = { unit, moments: { noiseMultiplier } };
  return { inputs: [{ name: 'input' }], features: { input }, privacy } as unknown as ModelDeclaration;
}

describe('mean and deviation of columns', () => {
  it.each(settings)('are those that the trainer makes of the same sums: %#', (setting) => {
    const declaration = declarationOf(setting);
    const features = fittedFeatures(setting.noised.map(BigInt), declaration, setting.rows);
    expect(setting.noised).toHaveLength(momentsOf(declaration));
    expect(features?.['input']).toEqual(
      setting.fitted.map(([mean, deviation], k) => ({
        ...{ kind: 'scale', column: `c${k}`, min: mean, max: mean + deviation },
      })),
    );
  });

  it('go to the columns of each input in the order of the inputs, not of the features', () => {
    const one = (column: string) => [{ kind: 'standardise' as const, column, min: -1, max: 1 }];
    const [first] = settings;
    if (first === undefined) throw new Error('no settings');
    const declaration = {
      ...declarationOf(first),
      inputs: [{ name: 'b' }, { name: 'a' }],
      features: { a: one('of a'), b: one('of b') },
    } as unknown as ModelDeclaration;
    const features = fittedFeatures([2n ** 23n, 2n ** 23n, -(2n ** 23n), 2n ** 23n, 0n], declaration, 7);
    expect(features?.['b']?.[0]).toMatchObject({ column: 'of b', min: 1 / 7 });
    expect(features?.['a']?.[0]).toMatchObject({ column: 'of a', min: -1 / 7 });
  });

  it('are asked of what is scaled, and never of nothing', () => {
    const scale = { kind: 'scale' as const, column: 'age', min: 0, max: 120 };
    const scaled = { features: { input: [scale] } } as unknown as ModelDeclaration;
    expect(standardised(scaled).features).toEqual({ input: [{ ...scale, kind: 'standardise' }] });
    expect(scaledInstead(standardised(scaled))).toEqual(scaled);
    expect(() => scaledInstead({ features: {} } as unknown as ModelDeclaration)).toThrow(
      /no column of numbers is scaled; labels and lists/,
    );
  });
});
