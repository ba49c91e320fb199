import { expect, it } from 'vitest';
import { release } from './bytes.js';

it('frees bytes that are a whole buffer, and leaves a part of one alone', () => {
  const whole = new Uint8Array(10);
  release(whole);
  expect(whole.length).toBe(0);
  const pool = new Uint8Array(10).fill(7);
  release(pool.subarray(0, 4));
  release(new Uint8Array(new SharedArrayBuffer(4)));
  expect(pool).toEqual(new Uint8Array(10).fill(7));
});
