import { describe, expect, it } from 'vitest';
import type { Feature } from '../declaration/features.js';
import { checkTables } from './check-tables.js';
import { readModel } from './read-model.js';
import { writeModel, type NodeSpec } from './write-model.js';

const codes: Feature = { kind: 'category', column: 'town', vocabulary: ['Bern', 'Chur', 'Olten'], unknown: 0 };
const whole = (min: number, max: number): Feature => ({ kind: 'tensor', column: 'town', shape: [1], min, max });

function check(feature: Feature, table: number[], node: { axis?: number; op?: string } = {}): string {
  const shapes = new Map([['table', table]]);
  const attributes: NodeSpec['attributes'] = node.axis === undefined ? {} : { axis: { int: node.axis } };
  const graph = writeModel({
    input: { name: 'codes', shape: [1] },
    output: { name: 'logits', shape: [1] },
    weights: shapes,
    nodes: [{ op: node.op ?? 'Gather', inputs: ['table', 'codes'], outputs: ['logits'], attributes }],
  });
  try {
    checkTables(readModel(graph), shapes, { codes: [feature] });
  } catch (error) {
    return String(error instanceof Error && 'code' in error ? error.code : error);
  }
  return 'fits';
}

describe('the tables that inputs pick from', () => {
  it.each<[string, Feature, number[], { axis?: number; op?: string }]>([
    ['a row for each word', codes, [3, 8], {}],
    ['more rows than words', codes, [9, 1], { axis: 0 }],
    ['words along the second axis', codes, [1, 3], { axis: 1 }],
    ['words along the last axis', codes, [1, 3], { axis: -1 }],
    ['numbers from the end', whole(-3, 2), [3, 8], {}],
    [
      'a text, whose tokenizer is not read here',
      { kind: 'text', column: 'town', tokenizer: '', length: 1, pad: 0 },
      [3, 8],
      {},
    ],
    ['an operator that picks nothing', codes, [2, 8], { op: 'Add' }],
    ['an axis that is not there, which the trainer refuses', codes, [2], { axis: 4 }],
  ])('takes %s', (_name, feature, table, node) => {
    expect(check(feature, table, node)).toBe('fits');
  });

  it.each<[string, Feature, number[], { axis?: number }]>([
    ['fewer rows than words', codes, [2, 8], {}],
    ['an unknown word outside of the table', { ...codes, unknown: 3 }, [3, 8], {}],
    ['words along the other axis', codes, [3, 2], { axis: 1 }],
    ['words along the last axis, fewer of them', codes, [3, 2], { axis: -1 }],
    ['a number below the table', whole(-4, 2), [3, 8], {}],
    ['a number above the table', whole(0, 3), [3, 8], {}],
  ])('refuses %s', (_name, feature, table, node) => {
    expect(check(feature, table, node)).toBe('MODEL_DOES_NOT_FIT');
  });
});
