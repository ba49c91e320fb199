import { describe, expect, it } from 'vitest';
import { CallerLimit } from './caller-limit.js';
import { OneUse } from './one-use.js';

describe('OneUse', () => {
  it('takes a token once until it expires', () => {
    const used = new OneUse(10);
    expect(used.use('a', 100, 0)).toBe(true);
    expect(used.use('a', 100, 99)).toBe(false);
    expect(used.use('b', 100, 99)).toBe(true);
  });

  it('refuses new tokens when it is full, and forgets none before its time', () => {
    const used = new OneUse(2);
    used.use('a', 100, 0);
    used.use('b', 200, 0);
    expect(used.use('c', 300, 50)).toBe(false);
    expect(used.use('a', 100, 50)).toBe(false);
    expect(used.use('c', 300, 101)).toBe(true);
    expect(used.use('b', 200, 101)).toBe(false);
  });
});

describe('CallerLimit', () => {
  it('counts each caller by itself, and anew in the next window', () => {
    const limit = new CallerLimit(2, 1_000);
    expect([1, 2, 3].map(() => limit.allows('a', 0))).toEqual([true, true, false]);
    expect(limit.allows('b', 0)).toBe(true);
    expect(limit.allows('a', 999)).toBe(false);
    expect(limit.allows('a', 1_000)).toBe(true);
  });
});
