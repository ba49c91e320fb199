import { describe, expect, it } from 'vitest';
import type { PrivacyTerms } from '../catalog/manifest.js';
import type { ErrorCode } from '../kernel/index.js';
import { NOTHING } from '../privacy/index.js';
import type { PrivateRun } from './declaration/privacy.js';
import type { ModelDeclaration } from './model-declaration.js';
import { checkBudgetLeft, checkPrivacy, checkPrivacyTerms, lossOfRun, withPrivacy } from './private-run.js';

const ROWS = 1_000;
const manifest = {
  rowCount: ROWS,
  columns: [
    { name: 'patient', type: 'string' as const },
    { name: 'age', type: 'integer' as const },
    { name: 'scan', type: 'image' as const },
  ],
  pieces: [{ rowCount: ROWS }, { rowCount: 200, holdout: true as const }],
};
const budget = { epsilon: 10, delta: 1e-6, maxEpsilonPerJob: 4, pricePerEpsilon: '1' };
const terms: PrivacyTerms = { budget };
const base = {
  inputs: [],
  features: {},
  batchRows: 64,
  epochs: 5,
  precision: 'float32',
  privacy: 'none',
} as unknown as ModelDeclaration;
const made = withPrivacy(base, ROWS, terms, { epsilon: 3 });
const run = made.privacy as PrivateRun;
const changed = (change: Partial<PrivateRun>): ModelDeclaration => ({ ...made, privacy: { ...run, ...change } });

function codeOf(check: () => void): ErrorCode | undefined {
  try {
    check();
  } catch (error) {
    return (error as { code: ErrorCode }).code;
  }
  return undefined;
}

describe('a private declaration', () => {
  it('that was made of an epsilon is in order, and costs no more', () => {
    expect(run).toMatchObject({ epsilon: 3, delta: 1e-6, samplingRate: 0.064, steps: 80, unit: { kind: 'row' } });
    expect(codeOf(() => checkPrivacy(made, manifest))).toBeUndefined();
    expect(codeOf(() => checkPrivacyTerms(made, terms))).toBeUndefined();
  });

  it.each<[string, Partial<PrivateRun>, ErrorCode]>([
    ['less noise than its epsilon takes', { noiseMultiplier: run.noiseMultiplier - 1e-4 }, 'MODEL_REJECTED'],
    ['an epsilon that it exceeds', { epsilon: 2.9 }, 'MODEL_REJECTED'],
    ['a smaller rate than its batch has', { samplingRate: 0.01 }, 'MODEL_REJECTED'],
    ['fewer steps than its epochs have', { steps: 79 }, 'MODEL_REJECTED'],
    ['a unit that is no column', { unit: { kind: 'column', column: 'name', maxRows: 1 } }, 'MODEL_DOES_NOT_FIT'],
    ['a unit that is an image', { unit: { kind: 'column', column: 'scan', maxRows: 1 } }, 'MODEL_DOES_NOT_FIT'],
  ])('with %s is refused', (_what, change, code) => {
    expect(codeOf(() => checkPrivacy(changed(change), manifest))).toBe(code);
  });

  it('in half precision is refused', () => {
    expect(codeOf(() => checkPrivacy({ ...made, precision: 'bfloat16' }, manifest))).toBe('MODEL_REJECTED');
  });
});

describe('the terms', () => {
  it.each<[string, ModelDeclaration, PrivacyTerms]>([
    ['training without privacy, unless they allow it', base, terms],
    ['a private run, if they sell none', made, { trainingWithoutPrivacy: true }],
    ['another delta', changed({ delta: 1e-5 }), terms],
    ['more than a job may take', changed({ epsilon: 4.1 }), terms],
    ['rows alone where a column is protected', made, { budget: { ...budget, unitColumn: 'patient' } }],
    [
      'another column than the one that is protected',
      changed({ unit: { kind: 'column', column: 'age', maxRows: 8 } }),
      { budget: { ...budget, unitColumn: 'patient' } },
    ],
  ])('refuse %s', (_what, declaration, given) => {
    expect(codeOf(() => checkPrivacyTerms(declaration, given))).toBe('PRIVACY_REFUSED');
  });

  it('decide on the unit where the buyer does not, and a buyer may protect more', () => {
    const patient = { budget: { ...budget, unitColumn: 'patient' } };
    const unit = { kind: 'column', column: 'patient', maxRows: 8 };
    expect(withPrivacy(base, ROWS, patient, { epsilon: 3 }).privacy).toMatchObject({ unit });
    const more = withPrivacy(base, ROWS, terms, { epsilon: 3, unitColumn: 'patient', unitRows: 4 });
    expect(more.privacy).toMatchObject({ unit: { ...unit, maxRows: 4 } });
    expect(codeOf(() => checkPrivacyTerms(more, terms))).toBeUndefined();
  });
});

describe('what is left', () => {
  it('is looked at shard by shard, before anything is paid', () => {
    const taken = lossOfRun(run).map((one) => 3n * one);
    expect(codeOf(() => checkBudgetLeft(made, terms, [NOTHING, NOTHING]))).toBeUndefined();
    const much = taken.map((one) => 9n * one);
    expect(codeOf(() => checkBudgetLeft(made, terms, [NOTHING, much]))).toBe('BUDGET_EXHAUSTED');
    expect(codeOf(() => checkBudgetLeft(base, terms, [much]))).toBeUndefined();
  });
});

describe('a metric', () => {
  const metric = { name: 'accuracy', epsilon: 0.5 } as const;
  const labelled = { ...base, label: { kind: 'class' } } as ModelDeclaration;
  const buying = withPrivacy(labelled, ROWS, terms, { epsilon: 3, metric });
  const bought = buying.privacy as PrivateRun;
  const withMetric = (change: Partial<NonNullable<PrivateRun['metric']>>): ModelDeclaration => ({
    ...buying,
    privacy: { ...bought, metric: { name: 'accuracy', bound: 1, noiseMultiplier: 50, ...change } },
  });

  it('is paid for with the run: more than without it, less than both by themselves', () => {
    expect(bought).toMatchObject({ noiseMultiplier: run.noiseMultiplier, metric: { name: 'accuracy', bound: 1 } });
    expect(bought.epsilon).toBeGreaterThan(3);
    expect(bought.epsilon).toBeLessThan(3.5);
    expect(Number.isInteger(bought.epsilon * 1e6)).toBe(true);
    expect(codeOf(() => checkPrivacy(buying, manifest))).toBeUndefined();
    // Order by order what both take.
    const alone = lossOfRun(run);
    expect(lossOfRun(bought).every((loss, i) => loss > (alone[i] ?? 0n))).toBe(true);
    expect(codeOf(() => checkPrivacyTerms(withPrivacy(labelled, ROWS, terms, { epsilon: 4, metric }), terms))).toBe(
      'PRIVACY_REFUSED',
    );
  });

  it.each<[string, ModelDeclaration, ErrorCode]>([
    ['with too little noise for what it pays', withMetric({ noiseMultiplier: 1 }), 'MODEL_REJECTED'],
    ['whose rows count as more than one', withMetric({ bound: 2 }), 'MODEL_REJECTED'],
    ['of a label without right answers', { ...buying, label: { kind: 'numbers', columns: [] } }, 'MODEL_DOES_NOT_FIT'],
  ])('%s is refused', (_what, declaration, code) => {
    expect(codeOf(() => checkPrivacy(declaration, manifest))).toBe(code);
  });

  it('is refused where the seller holds no rows out', () => {
    const pieces = [{ rowCount: ROWS }];
    expect(codeOf(() => checkPrivacy(buying, { ...manifest, pieces }))).toBe('MODEL_DOES_NOT_FIT');
    expect(codeOf(() => checkPrivacy(made, { ...manifest, pieces }))).toBeUndefined();
  });

  it('of a loss is bounded, by what is said or by a default', () => {
    const bounds = [undefined, 2.5].map((bound) => {
      const { privacy } = withPrivacy(base, ROWS, terms, { epsilon: 3, metric: { name: 'loss', epsilon: 0.5, bound } });
      return (privacy as PrivateRun).metric?.bound;
    });
    expect(bounds).toEqual([4, 2.5]);
  });
});

describe('columns that are standardised', () => {
  const scaled = { kind: 'scale' as const, column: 'age', min: 0, max: 120 };
  const bit = { kind: 'one-hot' as const, column: 'patient', vocabulary: ['a'] };
  const modelled = { ...base, inputs: [{ name: 'x' }], features: { x: [scaled, bit] } } as unknown as ModelDeclaration;
  const asked = { ...modelled, features: { x: [{ ...scaled, kind: 'standardise' as const }, bit] } };
  const fitting = withPrivacy(modelled, ROWS, terms, { epsilon: 3, standardiseEpsilon: 0.5 });
  const bought = fitting.privacy as PrivateRun;

  it('are those that are scaled, or those that say so, and are paid for with the run', () => {
    expect(fitting.features).toEqual(asked.features);
    const one = { ...asked, features: { x: [...asked.features.x, scaled] } };
    expect(withPrivacy(one, ROWS, terms, { epsilon: 3, standardiseEpsilon: 0.5 }).features).toEqual(one.features);
    expect(bought.epsilon).toBeGreaterThan(3);
    expect(bought.epsilon).toBeLessThan(3.5);
    expect(codeOf(() => checkPrivacy(fitting, manifest))).toBeUndefined();
    const alone = lossOfRun(run);
    expect(lossOfRun(bought).every((loss, i) => loss > (alone[i] ?? 0n))).toBe(true);
  });

  it.each<[string, ModelDeclaration, ErrorCode]>([
    [
      'with too little noise for what they pay',
      { ...fitting, privacy: { ...bought, moments: { noiseMultiplier: 1 } } },
      'MODEL_REJECTED',
    ],
    ['without an epsilon of their own', { ...asked, privacy: run }, 'MODEL_DOES_NOT_FIT'],
    ['without privacy', asked, 'MODEL_DOES_NOT_FIT'],
    ['of which there are none', { ...fitting, features: modelled.features }, 'MODEL_REJECTED'],
  ])('%s are refused', (_what, declaration, code) => {
    expect(codeOf(() => checkPrivacy(declaration, manifest))).toBe(code);
  });
});
