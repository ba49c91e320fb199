import { describe, expect, it } from 'vitest';
import { concatBytes, isWeighbridgeError, sha256Hex, utf8 } from '../kernel/index.js';
import { shapesOf, weigh, weighedBytes, type Expected } from './gate.js';
import type { MeasuredMetric } from './metric.js';
import { declarationSchema } from './model-declaration.js';
import { writeSafetensors, type Tensor } from './safetensors.js';

const bias: Tensor = { name: 'net.0.bias', shape: [2], data: Float32Array.of(1, 2) };
const weight: Tensor = { name: 'net.0.weight', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
const frozen: Tensor = { name: 'frozen', shape: [1], data: Float32Array.of(9) };
const numbers = { epochs: 3, rows: 100 };

const expected: Expected = {
  declaration: declarationSchema.parse({
    version: 1,
    graph: '0'.repeat(64),
    weights: '1'.repeat(64),
    trainable: ['net.0.weight', 'net.0.bias'],
    tied: {},
    inputs: [{ name: 'input', shape: [3], dtype: 'float32' }],
    features: { input: [{ kind: 'scale', column: 'x', min: 0, max: 1 }] },
    label: { kind: 'class', column: 'y', classes: [0, 1] },
    loss: { name: 'cross-entropy' },
    optimiser: { name: 'sgd', learningRate: 0.1, momentum: 0, nesterov: false, weightDecay: 0 },
    schedule: { name: 'constant' },
    epochs: 3,
    batchRows: 8,
    microBatchRows: null,
    seed: 1,
    precision: 'float32',
    return: 'trainable',
    privacy: 'none',
  }),
  shapes: shapesOf(writeSafetensors([bias, weight, frozen])),
  initial: writeSafetensors([bias, weight, frozen]),
  rowCount: 100,
  heldOut: 0,
};

/** The same job, which buys an accuracy over 40 rows; `ones` of its noise is 2^20. */
function buying(unit: 'row' | 'column'): Expected {
  const privacy = {
    epsilon: 3,
    delta: 1e-6,
    noiseMultiplier: 1,
    clippingNorm: 1,
    samplingRate: 0.08,
    steps: 39,
    unit: unit === 'row' ? ({ kind: 'row' } as const) : ({ kind: 'column', column: 'patient', maxRows: 4 } as const),
    metric: { name: 'accuracy', bound: 1, noiseMultiplier: 1 } as const,
  };
  return { ...expected, declaration: { ...expected.declaration, privacy }, heldOut: 40 };
}

/** A job that standardises two columns; `ones` of its noise is 2^19. */
function fitting(unit: 'row' | 'column'): Expected {
  const privacy = {
    ...{ epsilon: 3, delta: 1e-6, noiseMultiplier: 1, clippingNorm: 1, samplingRate: 0.08, steps: 39 },
    unit: unit === 'row' ? ({ kind: 'row' } as const) : ({ kind: 'column', column: 'patient', maxRows: 4 } as const),
    moments: { noiseMultiplier: 1 },
  };
  const features = {
    input: [
      { kind: 'standardise' as const, column: 'age', min: 0, max: 100 },
      { kind: 'scale' as const, column: 'x', min: 0, max: 1 },
      { kind: 'standardise' as const, column: 'weight', min: -1, max: 1 },
    ],
  };
  return { ...expected, declaration: { ...expected.declaration, features, privacy } };
}

function ruleOf(weights: Uint8Array, counted: Record<string, number> = numbers): unknown {
  try {
    weigh({ weights, numbers: { ...numbers, ...counted } }, expected);
  } catch (error) {
    if (isWeighbridgeError(error) && error.code === 'GATE_REFUSED') return error.details['rule'];
    throw error;
  }
  return 'passed';
}

describe('the egress gate', () => {
  const good = writeSafetensors([bias, weight]);

  it('lets out exactly the declared tensors, as bytes of its own', () => {
    const weighed = weigh({ weights: good, numbers }, expected);
    expect(weighed).toEqual({ weights: good, sha256: sha256Hex(good), tensors: 2, parameters: 8, numbers });
    expect(weighed.weights.buffer).not.toBe(good.buffer);
    expect(weighedBytes(expected)).toBe(good.length);
  });

  it('lets frozen tensors out where all are asked for, if not a bit of them changed', () => {
    const all = { ...expected, declaration: { ...expected.declaration, return: 'all' as const } };
    const out = (tensor: Tensor): Uint8Array => writeSafetensors([bias, weight, tensor]);
    expect(weigh({ weights: out(frozen), numbers }, all).tensors).toBe(3);
    const moved = { ...frozen, data: Float32Array.of(9.000001) };
    const thrown = expect.objectContaining({ code: 'GATE_REFUSED', details: { rule: 'frozen-tensor' } });
    expect(() => weigh({ weights: out(moved), numbers }, all)).toThrow(thrown);
    const zero = { ...frozen, data: Float32Array.of(0) };
    const initial = writeSafetensors([bias, weight, zero]);
    const minus = out({ ...frozen, data: Float32Array.of(-0) });
    expect(() => weigh({ weights: minus, numbers }, { ...all, initial })).toThrow(thrown);
  });

  it.each<[string, Uint8Array, string]>([
    [
      'an extra tensor',
      writeSafetensors([bias, weight, { name: 'rows', shape: [1], data: Float32Array.of(5) }]),
      'extra-tensor',
    ],
    ['a frozen tensor that was not declared', writeSafetensors([bias, weight, frozen]), 'extra-tensor'],
    ['a missing tensor', writeSafetensors([bias]), 'missing-tensor'],
    ['a transposed tensor', writeSafetensors([bias, { ...weight, shape: [3, 2] }]), 'declared-shape'],
    ['a tensor of a higher rank', writeSafetensors([bias, { ...weight, shape: [2, 3, 1] }]), 'declared-shape'],
    ['a tensor of another rank', writeSafetensors([bias, { ...weight, shape: [6] }]), 'declared-shape'],
    [
      'a larger tensor',
      writeSafetensors([bias, { ...weight, shape: [3, 3], data: new Float32Array(9) }]),
      'declared-shape',
    ],
    [
      'NaN, whose payload bits could carry anything',
      writeSafetensors([bias, { ...weight, data: new Float32Array(6).fill(Number.NaN) }]),
      'not-finite',
    ],
    ['trailing bytes', concatBytes(good, utf8('row 7')), 'trailing-bytes'],
    ['a huge file', concatBytes(good, new Uint8Array(1 << 20)), 'too-large'],
    ['nothing', new Uint8Array(0), 'header-size'],
  ])('keeps back %s', (_name, weights, rule) => {
    expect(ruleOf(weights)).toBe(rule);
  });

  it('keeps back a file with one padding byte changed, wherever it stands in the header', () => {
    const headerEnd = good.length - 8 * 4;
    for (let at = 0; at < headerEnd; at++) {
      const changed = good.slice();
      changed[at] = changed[at] === 0x20 ? 0x09 : 0x20;
      expect(ruleOf(changed), `byte ${at}`).not.toBe('passed');
    }
  });

  it.each<Record<string, number>>([{ epochs: 4 }, { rows: 99 }, { loss: 0.1 }])(
    'keeps back numbers that are not the public ones: %o',
    (counted) => {
      expect(ruleOf(good, counted)).toBe('numbers');
    },
  );

  it('does not repeat a name that the sandbox chose', () => {
    const smuggled = writeSafetensors([
      bias,
      weight,
      { name: 'secret-of-row-7', shape: [1], data: Float32Array.of(5) },
    ]);
    const renamed = good.slice();
    renamed.set(utf8('"secret7"'), 9);
    for (const weights of [smuggled, renamed]) {
      const thrown = (): unknown => weigh({ weights, numbers }, expected);
      expect(thrown).toThrow(/^((?!secret).)*$/);
    }
  });

  it('refuses a declaration that names a tensor which was never submitted', () => {
    const declaration = { ...expected.declaration, trainable: ['net.1.weight'] };
    expect(() => weigh({ weights: good, numbers }, { ...expected, declaration })).toThrow(/submitted weights/);
  });

  describe('a metric', () => {
    const ONES = 1n << 20n;
    const weighed = (metric: MeasuredMetric | undefined, unit: 'row' | 'column' = 'row') =>
      weigh({ weights: good, numbers, ...(metric === undefined ? {} : { metric }) }, buying(unit));

    it('is let out as a share of the rows, and says how much noise is in it', () => {
      const facts = { name: 'accuracy', rows: 40, bound: 1, noiseMultiplier: 1 };
      expect(weighed({ total: 30n * ONES, units: 0n }).metric).toEqual({ ...facts, value: 0.75, deviation: 0.025 });
      // Noise may push a share out of its range; a person is told what it can be.
      expect(weighed({ total: -3n * ONES, units: 0n }).metric?.value).toBe(0);
      expect(weighed({ total: 44n * ONES, units: 0n }).metric?.value).toBe(1);
    });

    it('of units is a share of their noised number', () => {
      const { value, deviation } = weighed({ total: 6n * ONES, units: 8n * ONES }, 'column').metric ?? {};
      expect(value).toBe(0.75);
      expect(deviation).toBeCloseTo((Math.SQRT2 / 8) * 1.25, 5);
      expect(weighed({ total: 2n * ONES, units: -ONES }, 'column').metric?.value).toBe(1);
    });

    it.each<[string, MeasuredMetric | undefined, 'row' | 'column']>([
      ['that is missing', undefined, 'row'],
      ['above all rows and all noise', { total: 51n * ONES, units: 0n }, 'row'],
      ['below no row and all noise', { total: -11n * ONES, units: 0n }, 'row'],
      ['with a count that is public already', { total: ONES, units: 1n }, 'row'],
      ['of more units than rows', { total: ONES, units: 60n * ONES }, 'column'],
      ['of fewer units than none', { total: ONES, units: -20n * ONES }, 'column'],
    ])('%s is kept back', (_what, metric, unit) => {
      const thrown = expect.objectContaining({ code: 'GATE_REFUSED', details: { rule: 'metric' } });
      expect(() => weighed(metric, unit)).toThrow(thrown);
    });

    it('that nobody bought is kept back', () => {
      const thrown = expect.objectContaining({ code: 'GATE_REFUSED', details: { rule: 'metric' } });
      const metric = { total: ONES, units: 0n };
      expect(() => weigh({ weights: good, numbers, metric }, expected)).toThrow(thrown);
      expect(weigh({ weights: good, numbers }, expected)).not.toHaveProperty('metric');
    });
  });

  describe('mean and deviation of columns', () => {
    // Two columns and noise of 1: sqrt(4) x 2^19 is 2^20. With units, sqrt(5) x 2^19 is as wide as it must be, too.
    const ONES = 1n << 19n;
    const weighed = (moments: bigint[] | undefined, unit: 'row' | 'column' = 'row') =>
      weigh({ weights: good, numbers, ...(moments === undefined ? {} : { moments }) }, fitting(unit));
    const inOnes = (...sums: number[]): bigint[] => sums.map((sum) => BigInt(sum) * ONES);

    it('are let out as the features that the model was trained on', () => {
      const { features } = weighed(inOnes(-50, 50, 0, 36, 0));
      expect(features?.['input']?.[1]).toEqual({ kind: 'scale', column: 'x', min: 0, max: 1 });
      // Mean -0.5 and square 0.5: half of 50 below the middle, and a deviation of 0.5.
      expect(features?.['input']?.[0]).toEqual({ kind: 'scale', column: 'age', min: 25, max: 50 });
      expect(features?.['input']?.[2]).toEqual({ kind: 'scale', column: 'weight', min: 0, max: 0.6 });
    });

    it('of units are those of their noised number', () => {
      const [age] = weighed(inOnes(-20, 20, 0, 36, 40), 'column').features?.['input'] ?? [];
      expect(age).toEqual({ kind: 'scale', column: 'age', min: 25, max: 50 });
    });

    it('lie within the range and are told from their noise, whatever the noise did', () => {
      const [age, , weight] = weighed(inOnes(-110, -3, 110, 100, 0)).features?.['input'] ?? [];
      const least = Math.sqrt(2 / 100);
      expect(age).toEqual({ kind: 'scale', column: 'age', min: 0, max: 50 * least });
      expect(weight).toEqual({ kind: 'scale', column: 'weight', min: 1, max: 1 + least });
      expect(weighed(inOnes(0, 0, 0, 110, -1), 'column').features?.['input']?.[2]).toMatchObject({ min: 0, max: 1 });
    });

    it.each<[string, bigint[] | undefined, 'row' | 'column']>([
      ['that are missing', undefined, 'row'],
      ['of fewer columns', inOnes(0, 0, 0), 'row'],
      ['of more columns', inOnes(0, 0, 0, 0, 0, 0, 0), 'row'],
      ['above all rows and all noise', inOnes(0, 0, 121, 0, 0), 'row'],
      ['below all rows and all noise', inOnes(-121, 0, 0, 0, 0), 'row'],
      ['with squares below nothing and all noise', inOnes(0, -21, 0, 0, 0), 'row'],
      ['with squares above all rows and all noise', inOnes(0, 121, 0, 0, 0), 'row'],
      ['with a count that is public already', inOnes(0, 0, 0, 0, 1), 'row'],
      ['of more units than rows', inOnes(0, 0, 0, 0, 123), 'column'],
      ['of fewer units than none', inOnes(0, 0, 0, 0, -23), 'column'],
    ])('%s are kept back', (_what, moments, unit) => {
      const thrown = expect.objectContaining({ code: 'GATE_REFUSED', details: { rule: 'moments' } });
      expect(() => weighed(moments, unit)).toThrow(thrown);
    });

    it('that nobody paid for are kept back', () => {
      const thrown = expect.objectContaining({ code: 'GATE_REFUSED', details: { rule: 'moments' } });
      expect(() => weigh({ weights: good, numbers, moments: [] }, expected)).toThrow(thrown);
      expect(weigh({ weights: good, numbers }, expected)).not.toHaveProperty('features');
    });
  });
});
