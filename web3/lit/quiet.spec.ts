import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { quietly } from './quiet.js';

describe('quietly', () => {
  const spy = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  afterEach(() => spy.mockClear());

  it('drops what is printed inside, and in what was started inside', async () => {
    await quietly(async () => {
      console.log('direct');
      await delay(1);
      console.log('after an await');
      setTimeout(() => console.log('from a timer'), 5);
    });
    await delay(20);
    expect(spy).not.toHaveBeenCalled();
  });

  it('leaves the console of others alone while it runs', async () => {
    const quiet = quietly(async () => {
      await delay(10);
      console.log('secret');
    });
    console.log('one');
    await delay(5);
    console.log('two');
    await quiet;
    console.log('three');
    expect(spy.mock.calls.flat()).toEqual(['one', 'two', 'three']);
  });

  it('drops the line with the signature outside, too', () => {
    console.log('signature from encrypt op: ', Uint8Array.of(1, 2, 3));
    console.log('signature of something else');
    expect(spy.mock.calls.flat()).toEqual(['signature of something else']);
  });

  it('passes errors and results through', async () => {
    await expect(quietly(async () => 7)).resolves.toBe(7);
    await expect(quietly(async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('drops what is written to the streams themselves, and tells the writer that it was written', async () => {
    const told = vi.fn();
    await quietly(async () => void process.stderr.write('x'.repeat(10), told));
    await delay(1);
    expect(told).toHaveBeenCalledOnce();
  });
});
