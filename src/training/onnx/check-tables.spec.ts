import { describe, expect, it } from 'vitest';
import type { Feature } from '../declaration/features.js';
import { checkLogits, checkTables } from './check-tables.js';
import { readModel } from './read-model.js';
import { writeModel, type NodeSpec } from './write-model.js';

const codes: Feature = { kind: 'category', column: 'town', vocabulary: ['Bern', 'Chur', 'Olten'], unknown: 0 };
const whole = (min: number, max: number): Feature => ({ kind: 'tensor', column: 'town', shape: [1], min, max });

const words: Feature = { kind: 'text', column: 'town', tokenizer: 'ab', length: 1, pad: 0 };
/** The tokenizer's largest id is 2. */
const tokens = new Map([['ab', 2]]);

function outcome(run: () => void): string {
  try {
    run();
  } catch (error) {
    return String(error instanceof Error && 'code' in error ? error.code : error);
  }
  return 'fits';
}

/** What picks from the table, and what stands before it. */
interface Picking {
  axis?: number;
  op?: string;
  before?: NodeSpec[];
}

function check(feature: Feature, table: number[], node: Picking = {}): string {
  const shapes = new Map([['table', table]]);
  const attributes: NodeSpec['attributes'] = node.axis === undefined ? {} : { axis: { int: node.axis } };
  const graph = writeModel({
    input: { name: 'codes', shape: [1] },
    output: { name: 'logits', shape: [1] },
    weights: shapes,
    nodes: [
      ...(node.before ?? []),
      {
        op: node.op ?? 'Gather',
        inputs: ['table', node.before?.at(-1)?.outputs[0] ?? 'codes'],
        outputs: ['logits'],
        attributes,
      },
    ],
  });
  return outcome(() => checkTables(readModel(graph), shapes, { codes: [feature] }, tokens));
}

/** The input through a row of operators, one after the other. */
function through(...ops: [op: string, attributes?: NodeSpec['attributes'], more?: string[]][]): NodeSpec[] {
  return ops.map(([op, attributes = {}, more = []], k) => {
    return { op, inputs: [k === 0 ? 'codes' : `v${k - 1}`, ...more], outputs: [`v${k}`], attributes };
  });
}
const INT64 = { to: { int: 7 } };

describe('the tables that inputs pick from', () => {
  it.each<[string, Feature, number[], Picking]>([
    ['a row for each word', codes, [3, 8], {}],
    ['more rows than words', codes, [9, 1], { axis: 0 }],
    ['words along the second axis', codes, [1, 3], { axis: 1 }],
    ['words along the last axis', codes, [1, 3], { axis: -1 }],
    ['numbers from the end', whole(-3, 2), [3, 8], {}],
    [
      'a text, whose tokenizer is not here',
      { kind: 'text', column: 'town', tokenizer: '', length: 1, pad: 0 },
      [1, 8],
      {},
    ],
    ['a text whose tokens all have a row', words, [3, 8], {}],
    ['the words after a cast', codes, [3, 8], { before: through(['Cast', INT64]) }],
    ['words that became flags', codes, [2, 8], { before: through(['Cast', { to: { int: 9 } }], ['Cast', INT64]) }],
    ['words that were calculated with, which the trainer follows', codes, [2, 8], { before: through(['Abs']) }],
    ['an operator that picks nothing', codes, [2, 8], { op: 'Add' }],
    ['an axis that is not there, which the trainer refuses', codes, [2], { axis: 4 }],
  ])('takes %s', (_name, feature, table, node) => {
    expect(check(feature, table, node)).toBe('fits');
  });

  it.each<[string, Feature, number[], Picking]>([
    ['fewer rows than words', codes, [2, 8], {}],
    ['an unknown word outside of the table', { ...codes, unknown: 3 }, [3, 8], {}],
    ['words along the other axis', codes, [3, 2], { axis: 1 }],
    ['words along the last axis, fewer of them', codes, [3, 2], { axis: -1 }],
    ['a number below the table', whole(-4, 2), [3, 8], {}],
    ['a number above the table', whole(0, 3), [3, 8], {}],
    ['a token above the table', words, [2, 8], {}],
    ['a filler above the table', { ...words, pad: 3 }, [3, 8], {}],
    ['words after a cast', codes, [2, 8], { before: through(['Cast', INT64]) }],
    [
      'words that were cast, reshaped and joined to others',
      codes,
      [2, 8],
      { before: through(['Cast', INT64], ['Reshape', {}, ['s']], ['Concat', { axis: { int: 0 } }, ['other']]) },
    ],
    [
      'words that came second where others were joined',
      codes,
      [2, 8],
      { before: [{ op: 'Concat', inputs: ['other', 'codes'], outputs: ['v0'], attributes: { axis: { int: 0 } } }] },
    ],
    ...['Flatten', 'Identity', 'Squeeze', 'Transpose', 'Unsqueeze'].map((op): [string, Feature, number[], Picking] => [
      `words after ${op}`,
      codes,
      [2, 8],
      { before: through([op]) },
    ]),
  ])('refuses %s', (_name, feature, table, node) => {
    expect(check(feature, table, node)).toBe('MODEL_DOES_NOT_FIT');
  });
});

describe('the logits of a graph that says the next token', () => {
  const graph = (logits: number | string, feature: Feature, tokenizer = tokens) =>
    outcome(() =>
      checkLogits(
        { outputs: [{ name: 'logits', elementType: 1, shape: ['n', 4, logits] }] },
        { label: { kind: 'tokens', input: 'codes', pad: null }, features: { codes: [feature] } } as never,
        tokenizer,
      ),
    );

  it('are one for each token', () => {
    expect(graph(3, words)).toBe('fits');
    expect(graph('vocabulary', words)).toBe('fits');
    expect(graph(1, words, new Map())).toBe('fits');
    expect(graph(2, words)).toBe('MODEL_DOES_NOT_FIT');
    expect(graph(3, { ...words, pad: 3 })).toBe('MODEL_DOES_NOT_FIT');
  });
});
