import { describe, expect, it } from 'vitest';
import { inAccountQueue } from './account-queue.js';

const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('inAccountQueue', () => {
  it('runs the tasks of one account one after the other', async () => {
    const events: string[] = [];
    const task = (name: string) => async () => {
      events.push(`${name} begins`);
      await pause();
      events.push(`${name} ends`);
    };
    await Promise.all([inAccountQueue('a', task('1')), inAccountQueue('a', task('2'))]);
    expect(events).toEqual(['1 begins', '1 ends', '2 begins', '2 ends']);
  });

  it('does not hold one account up for another', async () => {
    let free = (): void => {};
    const held = inAccountQueue('b', () => new Promise<void>((resolve) => (free = resolve)));
    expect(await inAccountQueue('c', async () => 'done')).toBe('done');
    free();
    await held;
  });

  it('goes on after a task that failed', async () => {
    const failed = inAccountQueue('d', async () => {
      throw new Error('no');
    });
    const next = inAccountQueue('d', async () => 'done');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('done');
  });
});
