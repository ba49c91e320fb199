import { describe, expect, it } from 'vitest';
import { largestToken } from './largest-token.js';

const added = (...contents: string[]) => contents.map((content, k) => ({ id: 90 + k, content }));

describe('the largest token', () => {
  // What `Tokenizer.from_str(...).get_vocab(with_added_tokens=True)` of tokenizers 0.23 has for its largest value.
  it.each<[string, unknown, number]>([
    ['of a vocabulary', { model: { type: 'WordLevel', vocab: { a: 0, b: 1 } } }, 1],
    ['of one with gaps', { model: { type: 'WordLevel', vocab: { a: 0, b: 7 } } }, 7],
    ['of a list', { model: { type: 'Unigram', vocab: ['a', 'b', 'c'].map((word) => [word, -1]) } }, 2],
    ['of an added one, by its place', { model: { vocab: { a: 0, b: 1 } }, added_tokens: added('<s>', '</s>') }, 3],
    ['of an added one that was there', { model: { vocab: { a: 0, b: 1 } }, added_tokens: added('b') }, 1],
    ['of one that is added twice', { model: { vocab: { a: 0, b: 1 } }, added_tokens: added('c', 'c') }, 2],
    ['of one behind a gap', { model: { vocab: { a: 0, b: 7 } }, added_tokens: added('c') }, 7],
    ['of none', { model: { vocab: {} } }, -1],
    ['of another form', { model: { vocab: 'a b' } }, -1],
    ['of no object', [1], -1],
  ])('%s', (_name, tokenizer, largest) => {
    expect(largestToken(tokenizer)).toBe(largest);
  });
});
