import { describe, expect, it } from 'vitest';
import type { Column } from '../../catalog/manifest.js';
import { canonicalJson, sha256Hex, utf8 } from '../../kernel/index.js';
import { checkFit } from '../fit.js';
import { buildRecipe } from '../recipes/build-recipe.js';
import type { JobChoices } from './complete.js';
import { completeTemplate } from './complete.js';
import { describeModel } from './describe.js';
import { readModelFile, writeModelFile, type ModelTemplate } from './model-file.js';
import { writeZip } from './zip.js';

const pixels = Array.from({ length: 64 }, (_, k) => ({
  name: `p${k}`,
  type: 'number' as const,
  range: { min: 0, max: 16 },
}));
const schema = {
  columns: [
    ...pixels,
    { name: 'digit', type: 'integer' as const, range: { min: 0, max: 9 } },
    { name: 'weight', type: 'number' as const, range: { min: 0, max: 5 } },
    { name: 'odd', type: 'boolean' as const },
    { name: 'writer', type: 'string' as const, vocabulary: ['ann', 'bob'] },
    { name: 'note', type: 'string' as const },
  ],
  label: 'digit',
};
const recipe = buildRecipe('mlp', {
  manifest: { columns: [...pixels, schema.columns[64] ?? pixels[0]].flatMap((c) => c ?? []), label: 'digit' },
});
const { declaration, graph, weights } = recipe;
const parts = {
  'graph.onnx': graph,
  'weights.safetensors': weights,
  'job.json': utf8(`${canonicalJson(declaration)}\n`),
};
/** What `weighbridge.export` writes: the model's own fields. */
const bare: ModelTemplate = {
  version: 1,
  graph: declaration.graph,
  weights: declaration.weights,
  trainable: declaration.trainable,
  tied: {},
  inputs: declaration.inputs,
};
const [first, second] = [utf8('{"model":1}'), utf8('{"model":2}')].sort((a, b) =>
  sha256Hex(a) < sha256Hex(b) ? -1 : 1,
) as [Uint8Array, Uint8Array];
/** A template whose features name tokenizers. */
function reading(...tokenizers: Uint8Array[]): ModelTemplate {
  const text = tokenizers.map((bytes) => {
    return { kind: 'text' as const, column: 'note', tokenizer: sha256Hex(bytes), length: 8, pad: 0 };
  });
  return { ...bare, features: { input: text } };
}

function fileOf(changed: Partial<Record<keyof typeof parts, Uint8Array>>): Uint8Array {
  return writeZip(Object.entries({ ...parts, ...changed }).map(([name, bytes]) => ({ name, bytes })));
}

function job(change: Record<string, unknown>): Uint8Array {
  return fileOf({ 'job.json': utf8(`${canonicalJson({ ...declaration, ...change })}\n`) });
}

describe('a model file', () => {
  it('gives back what was put in', () => {
    const read = readModelFile(writeModelFile({ template: bare, graph, weights, tokenizers: [] }));
    expect(read.template).toEqual(bare);
    expect([sha256Hex(read.graph), sha256Hex(read.weights)]).toEqual([declaration.graph, declaration.weights]);
  });

  it('is bound together when it is written, whatever the template said', () => {
    const other = { ...bare, graph: '0'.repeat(64) };
    const file = writeModelFile({ template: other, graph, weights, tokenizers: [] });
    expect(readModelFile(file).template.graph).toBe(declaration.graph);
  });

  it('has the tokenizers in it that its features name', () => {
    const template = reading(second, first, second);
    const read = readModelFile(writeModelFile({ template, graph, weights, tokenizers: [first, second] }));
    expect(read.tokenizers).toEqual([first, second]);
  });

  it.each<[string, ModelTemplate, Uint8Array[]]>([
    ['one is missing', reading(first, second), [first]],
    ['one is too many', reading(first), [first, second]],
    ['one is another', reading(first), [second]],
    ['they stand in another order', reading(first, second), [second, first]],
    ['nobody names one', bare, [first]],
  ])('is refused where %s', (_name, template, tokenizers) => {
    const file = writeModelFile({ template, graph, weights, tokenizers });
    expect(() => readModelFile(file)).toThrow(expect.objectContaining({ code: 'MODEL_REJECTED' }));
  });

  it('is refused where a tokenizer was changed', () => {
    const file = writeZip([
      ...Object.entries({ ...parts, 'job.json': utf8(`${canonicalJson(reading(first))}\n`) }).map(([name, bytes]) => ({
        name,
        bytes,
      })),
      { name: `tokenizer-${sha256Hex(first)}.json`, bytes: second },
    ]);
    expect(() => readModelFile(file)).toThrow(/another tokenizer/);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['what is no zip', utf8('PK'), /not a model file/],
    ['a graph of another digest', fileOf({ 'graph.onnx': Uint8Array.of(1) }), /another graph\.onnx/],
    ['weights of another digest', fileOf({ 'weights.safetensors': Uint8Array.of(1) }), /another weights/],
    ['what is no JSON', fileOf({ 'job.json': utf8('{') }), /not JSON/],
    ['what is no UTF-8', fileOf({ 'job.json': Uint8Array.of(0x7b, 0xff, 0x7d) }), /not JSON/],
    ['JSON of another spelling', fileOf({ 'job.json': utf8(JSON.stringify(declaration, null, 1)) }), /canonical/],
    [
      'a key twice',
      fileOf({ 'job.json': utf8(`${canonicalJson(declaration).slice(0, -1)},"version":1}\n`) }),
      /canonical/,
    ],
    ['deep nesting', fileOf({ 'job.json': utf8('['.repeat(100_000)) }), /not JSON/],
    ['another version', job({ version: 2 }), /version/],
    ['an unknown field', job({ callback: 'x' }), /job\.json/],
    ['no inputs', job({ inputs: [] }), /inputs/],
    ['no trainable tensor', job({ trainable: [] }), /trainable/],
  ])('refuses %s', (_name, file, message) => {
    expect(() => readModelFile(file)).toThrow(expect.objectContaining({ code: 'MODEL_REJECTED' }));
    expect(() => readModelFile(file)).toThrow(message);
  });
});

describe('what a dataset and a buyer add to it', () => {
  const narrow = { ...schema, columns: schema.columns.slice(0, 65) };
  const complete = (choices: JobChoices = {}, template: ModelTemplate = bare) =>
    completeTemplate(template, schema, choices);

  const refusal = (template: ModelTemplate, columns: Column[], choices: JobChoices): string => {
    try {
      completeTemplate(template, { ...schema, columns }, choices);
    } catch (error) {
      return (error as { next: string }).next;
    }
    throw new Error('it was taken');
  };

  it('is every declared column in schema order, the label, and defaults', () => {
    const made = completeTemplate(bare, narrow, {});
    expect(made).toMatchObject({
      epochs: 10,
      batchRows: 32,
      seed: 1,
      privacy: 'none',
      loss: { name: 'cross-entropy' },
    });
    expect(made.label).toEqual(declaration.label);
    expect(made.features).toEqual(declaration.features);
    expect(checkFit({ ...narrow, rowCount: 100, pieces: [] }, made, graph, weights, []).size).toBe(6);
  });

  it("is the file's own choice where it has one, and the buyer's before it", () => {
    const template = { ...bare, epochs: 7, optimiser: { ...declaration.optimiser, learningRate: 0.5 } };
    expect(complete({}, template)).toMatchObject({ epochs: 7, optimiser: { learningRate: 0.5 } });
    expect(complete({ epochs: 3, learningRate: 0.1 }, template)).toMatchObject({
      epochs: 3,
      optimiser: { learningRate: 0.1 },
    });
    expect(complete({ optimiser: 'sgd' }, template).optimiser).toMatchObject({ name: 'sgd', learningRate: 0.01 });
  });

  it('is what a label needs for each loss', () => {
    expect(complete({ loss: 'bce', label: 'odd' }).label).toEqual({
      kind: 'binary',
      columns: [{ column: 'odd', positive: 1 }],
    });
    expect(complete({ loss: 'mse', label: 'weight' }).label).toMatchObject({
      kind: 'numbers',
      columns: [{ min: 0, max: 5 }],
    });
    expect(complete({ loss: 'next-token' }).label).toEqual({ kind: 'tokens', input: 'input', pad: null });
  });

  it('takes names of columns for features, by input and by type', () => {
    const two = { ...bare, inputs: [...bare.inputs, { name: 'words', shape: [1], dtype: 'int64' as const }] };
    const made = complete({ features: { input: ['p0', 'writer'], words: ['writer'] } }, two);
    expect(made.features['input']?.map(({ kind }) => kind)).toEqual(['scale', 'one-hot']);
    expect(made.features['words']).toEqual([
      { kind: 'category', column: 'writer', vocabulary: ['ann', 'bob'], unknown: 0 },
    ]);
  });

  it('says how a feature is written of a column whose schema says too little', () => {
    const columns = [
      { name: 'scan', type: 'tensor' as const, shape: [2, 3] },
      { name: 'photo', type: 'image' as const },
      { name: 'note', type: 'string' as const },
      { name: 'dose', type: 'number' as const },
    ];
    for (const [name, form] of [
      ['scan', '{"kind":"tensor","column":"scan","shape":[2,3],'],
      ['photo', '{"kind":"image","column":"photo","channels":3,'],
      ['note', '{"kind":"one-hot","column":"note","vocabulary":'],
      ['dose', '{"kind":"scale","column":"dose","min":'],
    ] as const) {
      expect(refusal(bare, [...schema.columns, ...columns], { features: [name] })).toContain(form);
    }
    const words = { ...bare, inputs: [{ name: 'words', shape: [4, 6], dtype: 'int64' as const }] };
    for (const [name, form] of [
      ['note', '{"kind":"text","column":"note","tokenizer":"tokenizer.json","length":24,"pad":0}'],
      ['dose', '{"kind":"category","column":"dose","vocabulary":'],
    ] as const) {
      expect(refusal(words, [...schema.columns, ...columns], { features: [name] })).toContain(form);
    }
  });

  it('writes a feature out where the seller declares nothing at all', () => {
    const label = { name: 'digit', type: 'integer' as const, range: { min: 0, max: 9 } };
    const note = { name: 'note', type: 'string' as const };
    const dose = { name: 'dose', type: 'number' as const };
    const photo = { name: 'photo', type: 'image' as const };
    expect(refusal(bare, [dose, note, photo, label], {})).toContain('[{"kind":"image","column":"photo",');
    expect(refusal(bare, [dose, label], {})).toContain('[{"kind":"scale","column":"dose",');
    expect(refusal(bare, [label], {})).toContain('more columns than the one to predict');
  });

  it.each<[string, JobChoices, string]>([
    ['a column that is not there', { features: ['nope'] }, 'MODEL_DOES_NOT_FIT'],
    ['a column of which nothing is declared', { features: ['note'] }, 'MODEL_DOES_NOT_FIT'],
    ['an input that is not there', { features: { x: ['p0'] } }, 'BAD_INPUT'],
    ['a label that is not there', { label: 'nope' }, 'MODEL_DOES_NOT_FIT'],
    ['a label of ten classes for bce', { loss: 'bce' }, 'MODEL_DOES_NOT_FIT'],
    ['a label without a range for mse', { loss: 'mse', label: 'writer' }, 'MODEL_DOES_NOT_FIT'],
    ['no epochs', { epochs: 0 }, 'MODEL_REJECTED'],
  ])('refuses %s', (_name, choices, code) => {
    expect(() => complete(choices)).toThrow(expect.objectContaining({ code }));
  });
});

it('a description counts operators and parameters, and names weights that a stock export may have merged', () => {
  const description = describeModel(declaration, graph, weights);
  expect(description).toMatchObject({ operators: { Gemm: 3, Relu: 2 }, frozenParameters: 0, sharedTensors: [] });
  expect(description.trainedParameters).toBe(64 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10);
  const frozen = describeModel({ ...declaration, trainable: ['net.4.bias', 'net.4.weight'] }, graph, weights);
  expect(frozen).toMatchObject({ trainedParameters: 330 });
});
