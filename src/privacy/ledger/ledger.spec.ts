import { describe, expect, it } from 'vitest';
import { charge, type Book } from './book.js';
import { NOTHING } from './loss.js';
import { familiesOf } from './shard-families.js';

describe('families of shards', () => {
  it.each([
    ['one version', [['a', 'b']], ['a', 'b'], [['a'], ['b']]],
    [
      'one shard changed',
      [
        ['a', 'b'],
        ['a', 'c'],
      ],
      ['a', 'c'],
      [['a'], ['b', 'c']],
    ],
    [
      'all encrypted anew',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      ['c'],
      [['a', 'b', 'c', 'd']],
    ],
    ['rows added', [['a'], ['a', 'b']], ['b'], [['b']]],
    ['rows taken out', [['a', 'b'], ['a']], ['a'], [['a']]],
    ['changed twice', [['a'], ['b'], ['c']], ['c'], [['a', 'b', 'c']]],
    ['a version that nobody listed here', [], ['x'], [['x']]],
  ])('%s', (_what, versions, wanted, families) => {
    const found = familiesOf(versions, wanted).toSorted(([a = ''], [b = '']) => a.localeCompare(b));
    expect(found).toEqual(families);
  });
});

describe('the book', () => {
  it('gives a shard without a history the worst of its family, order by order', () => {
    const loss = (first: bigint, second: bigint) => NOTHING.map((_, i) => (i === 0 ? first : i === 1 ? second : 0n));
    const book: Book = new Map([
      ['a', loss(5n, 1n)],
      ['b', loss(2n, 3n)],
    ]);
    charge(book, [['a', 'b', 'c']], loss(1n, 1n));
    expect(Object.fromEntries(book)).toEqual({ a: loss(6n, 2n), b: loss(3n, 4n), c: loss(6n, 4n) });
  });
});
