import { describe, expect, it } from 'vitest';
import type { Column } from '../catalog/manifest.js';
import { concatBytes, sha256Hex, utf8 } from '../kernel/index.js';
import { checkFit } from './fit.js';
import { checkColumns } from './fit-columns.js';
import { checkAgreement } from './fit-declaration.js';
import { shapesOf } from './gate.js';
import type { ModelDeclaration } from './model-declaration.js';
import { intField, messageField, textField } from './onnx/wire.js';
import { writeModel, type GraphSpec } from './onnx/write-model.js';
import { buildRecipe } from './recipes/build-recipe.js';
import { writeSafetensors } from './safetensors.js';

const columns: Column[] = [
  { name: 'age', type: 'number', range: { min: 0, max: 120 } },
  { name: 'town', type: 'string', vocabulary: ['Bern', 'Chur', 'Olten'] },
  { name: 'sick', type: 'string', vocabulary: ['no', 'yes'] },
];
const model = buildRecipe('mlp', { manifest: { columns }, label: 'sick' });

interface Files {
  graph: Uint8Array;
  weights: Uint8Array;
}
const tokenizer = utf8(JSON.stringify({ model: { vocab: { '[PAD]': 0, the: 1, cat: 2 } } }));

function check(files: Partial<Files>, change: Partial<ModelDeclaration> = {}, rowCount = 100): string {
  const { graph, weights } = { ...model, ...files };
  const digests = { graph: sha256Hex(graph), weights: sha256Hex(weights) };
  try {
    checkFit({ columns, rowCount, pieces: [] }, { ...model.declaration, ...digests, ...change }, graph, weights, [
      tokenizer,
    ]);
  } catch (error) {
    return String(error instanceof Error && 'code' in error ? error.code : error);
  }
  return 'fits';
}

const weights = writeSafetensors([
  { name: 'w', shape: [2, 4], data: new Float32Array(8) },
  { name: 'b', shape: [2], data: new Float32Array(2) },
]);
const spec: GraphSpec = {
  input: { name: 'input', shape: [4] },
  output: { name: 'logits', shape: [2] },
  weights: new Map([
    ['w', [2, 4]],
    ['b', [2]],
  ]),
  nodes: [{ op: 'Gemm', inputs: ['input', 'w', 'b'], outputs: ['logits'], attributes: { transB: { int: 1 } } }],
};
const own = (change: Partial<GraphSpec>): Partial<Files> => ({ graph: writeModel({ ...spec, ...change }), weights });
const trainable = ['w', 'b'];
const nextToken = { name: 'next-token' } as const;
const tensor = (column: string) => ({ kind: 'tensor' as const, column, shape: [4], min: 0, max: 1 });

describe('the fit check', () => {
  it('takes a model of the profile that fits', () => {
    expect(check({})).toBe('fits');
    expect(check(own({}), { trainable })).toBe('fits');
    expect(check(own({}), { trainable: ['b'] })).toBe('fits');
  });

  it('tells by column why features are too wide or too narrow', () => {
    const [age, town] = model.declaration.features['input'] ?? [];
    if (age === undefined || town === undefined) throw new Error('the recipe uses both columns');
    const of = (...input: ModelDeclaration['features'][string]) => {
      checkAgreement({ ...model.declaration, features: { input } }, shapesOf(model.weights), 100);
    };
    expect(() => of(age, town, town)).toThrow(
      expect.objectContaining({ next: 'Make the two agree: age makes 1, town makes 3, town makes 3.' }),
    );
    expect(() => of(...Array.from({ length: 9 }, () => age))).toThrow(
      expect.objectContaining({ next: expect.stringMatching(/age makes 1, and so on \(9 columns\)\.$/) as string }),
    );
  });

  it.each<[string, Partial<Files>, Partial<ModelDeclaration>]>([
    ['another graph than declared', {}, { graph: '0'.repeat(64) }],
    ['other weights than declared', {}, { weights: '0'.repeat(64) }],
    ['no graph at all', { graph: new Uint8Array(0) }, {}],
    ['a cut graph', { graph: model.graph.subarray(0, -3) }, {}],
    ['an oversized graph', { graph: new Uint8Array((4 << 20) + 1) }, {}],
    ['two graphs, which protobuf would merge', { graph: concatBytes(model.graph, messageField(7, [])) }, {}],
    ['model-local functions', { graph: concatBytes(model.graph, messageField(25, [])) }, {}],
    [
      'a second operator set',
      { graph: concatBytes(model.graph, messageField(8, [textField(1, 'evil'), intField(2, 1)])) },
      {},
    ],
    [
      'an operator outside the table',
      own({ nodes: [{ op: 'Loop', inputs: ['input'], outputs: ['logits'] }] }),
      { trainable },
    ],
    [
      'weights that the graph does not use',
      { graph: writeModel({ ...spec, weights: new Map([['w', [2, 4]]]) }), weights },
      { trainable },
    ],
    [
      'a weight of another shape',
      own({
        weights: new Map([
          ['w', [4, 2]],
          ['b', [2]],
        ]),
      }),
      { trainable },
    ],
    [
      'a graph that wants weights the file lacks',
      own({ weights: new Map([...spec.weights, ['c', [1]]]) }),
      { trainable },
    ],
    ['a trainable tensor that is not there', own({}), { trainable: ['w', 'c'] }],
    ['a trainable tensor twice', own({}), { trainable: ['w', 'w'] }],
    ['an input of another width', own({ input: { name: 'input', shape: [5] } }), { trainable }],
    ['an input of another name', own({ input: { name: 'x', shape: [4] } }), { trainable }],
    ['as many logits as no label has', own({ output: { name: 'logits', shape: [3] } }), { trainable }],
    ['weights in another layout', { weights: concatBytes(model.weights, new Uint8Array(1)) }, {}],
  ])('rejects %s', (_name, files, change) => {
    expect(check(files, change)).toBe('MODEL_REJECTED');
  });

  it('wants a row of an embedding for each word', () => {
    const town = { kind: 'category' as const, column: 'town', vocabulary: ['Bern', 'Chur', 'Olten'], unknown: 0 };
    const declared: Partial<ModelDeclaration> = {
      inputs: [{ name: 'codes', shape: [1], dtype: 'int64' }],
      features: { codes: [town] },
      trainable: ['table'],
    };
    const embedding = (rows: number): Files => {
      const graph = writeModel({
        ...spec,
        input: { name: 'codes', shape: [1] },
        weights: new Map([['table', [rows, 2]]]),
        nodes: [{ op: 'Gather', inputs: ['table', 'codes'], outputs: ['logits'] }],
      });
      // The writer's inputs are float32 (1): the first element type with a shape behind it is the input's; int64 is 7.
      graph[Buffer.from(graph).indexOf(Buffer.of(8, 1, 18)) + 1] = 7;
      return {
        graph,
        weights: writeSafetensors([{ name: 'table', shape: [rows, 2], data: new Float32Array(2 * rows) }]),
      };
    };
    expect(check(embedding(3), declared)).toBe('fits');
    expect(check(embedding(2), declared)).toBe('MODEL_DOES_NOT_FIT');
    const text = { kind: 'text' as const, column: 'town', tokenizer: sha256Hex(tokenizer), length: 1, pad: 0 };
    expect(check(embedding(3), { ...declared, features: { codes: [text] } })).toBe('fits');
    expect(check(embedding(2), { ...declared, features: { codes: [text] } })).toBe('MODEL_DOES_NOT_FIT');
  });

  it.each<[string, Partial<ModelDeclaration>]>([
    ['a column that the dataset lacks', { features: { input: [{ kind: 'scale', column: 'height', min: 0, max: 1 }] } }],
    ['text that is scaled', { features: { input: [{ kind: 'scale', column: 'town', min: 0, max: 1 }] } }],
    ['an empty range', { features: { input: [{ kind: 'scale', column: 'age', min: 1, max: 1 }] } }],
    [
      'numbers as the words of a text column',
      { features: { input: [{ kind: 'one-hot', column: 'town', vocabulary: [1, 2] }] } },
    ],
    ['a word twice', { features: { input: [{ kind: 'one-hot', column: 'town', vocabulary: ['Bern', 'Bern'] }] } }],
    ['features of another width', { features: { input: [{ kind: 'scale', column: 'age', min: 0, max: 1 }] } }],
    ['a label column that is not there', { label: { kind: 'class', column: 'ill', classes: ['no', 'yes'] } }],
    ['classes of another type', { label: { kind: 'class', column: 'sick', classes: [0, 1] } }],
    [
      'the label among the features',
      { features: { input: [{ kind: 'one-hot', column: 'sick', vocabulary: ['a', 'b', 'c', 'd'] }] } },
    ],
  ])('says that a model does not fit: %s', (_name, change) => {
    expect(check({}, change)).toBe('MODEL_DOES_NOT_FIT');
  });

  it.each<[string, Partial<ModelDeclaration>]>([
    ['features for another input', { features: { x: model.declaration.features['input'] ?? [] } }],
    [
      'integers for an input of floats',
      { features: { input: [{ kind: 'category', column: 'town', vocabulary: ['Bern'], unknown: 1 }] } },
    ],
    ['a loss of another label', { loss: { name: 'bce' } }],
    ['lists from a column of numbers', { features: { input: [tensor('age')] } }],
    ['tokens from an input of floats', { label: { kind: 'tokens', input: 'input', pad: null }, loss: nextToken }],
    [
      'nesterov without momentum',
      { optimiser: { name: 'sgd', learningRate: 1, momentum: 0, nesterov: true, weightDecay: 0 } },
    ],
    ['a warm-up that never ends', { schedule: { name: 'cosine', warmupSteps: 1_000_000, finalFraction: 0 } }],
  ])('says that the parts of a declaration do not fit: %s', (_name, change) => {
    expect(check({}, change)).toBe('MODEL_DOES_NOT_FIT');
  });

  it('wants a tie to name a tensor that is there, by a name that is not', () => {
    expect(check({}, { tied: { 'head.weight': 'net.0.weight' } })).toBe('fits');
    expect(check({}, { tied: { 'head.weight': 'net.9.weight' } })).toBe('MODEL_REJECTED');
    expect(check({}, { tied: { 'net.0.bias': 'net.0.weight' } })).toBe('MODEL_REJECTED');
  });

  it('counts what the rows will take', () => {
    expect(check({}, {}, 2 ** 27)).toBe('fits');
    expect(check({}, {}, 2 ** 27 + 1)).toBe('MODEL_DOES_NOT_FIT');
    // Words alone take a byte each, and the label four.
    const words = { kind: 'one-hot' as const, column: 'town', vocabulary: ['Bern', 'Chur', 'Olten', 'Zug'] };
    expect(check({}, { features: { input: [words] } }, 2 ** 28)).toBe('fits');
    expect(check({}, { features: { input: [words] } }, 2 ** 28 + 1)).toBe('MODEL_DOES_NOT_FIT');
  });

  it('no byte of a graph makes the reader fail otherwise', () => {
    const outcomes = new Set<string>();
    for (let at = 0; at < model.graph.length; at++) {
      for (const change of [0x01, 0x80]) {
        const graph = model.graph.slice();
        graph[at] = (graph[at] ?? 0) ^ change;
        outcomes.add(check({ graph }));
      }
    }
    // Some bytes do not matter here: an attribute, the name of a hidden value. The trainer reads those.
    expect([...outcomes].sort()).toEqual(['MODEL_REJECTED', 'fits']);
  });
});

describe('bounds to standardise within', () => {
  const checked = (column: string, min: number, max: number) => () => {
    const features = { input: [{ kind: 'standardise' as const, column, min, max }] };
    checkColumns(columns, { ...model.declaration, features });
  };

  it('are of numbers, and neither too close nor too far apart for a deviation to be told', () => {
    expect(checked('age', 0, 120)).not.toThrow();
    expect(checked('age', 1e7, 1e7 + 10)).not.toThrow();
    expect(checked('age', -1e300, 1e300)).not.toThrow();
  });

  it.each<[string, number, number]>([
    ['town', 0, 1],
    ['age', 1, 1],
    ['age', 1e7, 1e7 + 9],
    ['age', -1e7 - 9, -1e7],
    ['age', -1e308, 1e308],
  ])('of %s from %d to %d are refused', (column, min, max) => {
    expect(checked(column, min, max)).toThrow(expect.objectContaining({ code: 'MODEL_DOES_NOT_FIT' }));
  });
});
