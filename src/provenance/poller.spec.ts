import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Poller } from './poller.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('runs again at once while there is more, then at its interval, and later after each failure', async () => {
  const answers = [true, false, 'fails', 'fails', 'fails', false, false];
  const at: number[] = [];
  const errors: unknown[] = [];
  const start = Date.now();
  const step = async (): Promise<boolean> => {
    at.push(Date.now() - start);
    const answer = answers.shift() ?? false;
    if (answer === 'fails') throw new Error('down');
    return answer === true;
  };
  const poller = new Poller(step, 100, (error) => errors.push(error));
  poller.start();
  poller.start();
  await vi.advanceTimersByTimeAsync(1_050);
  await poller.stop();
  // A delay of 0 is 1 ms, in Node.
  expect(at).toEqual([0, 1, 101, 201, 401, 801, 901, 1_001]);
  expect(errors).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(at).toHaveLength(8);
});

it('waits for the step in hand when it is stopped', async () => {
  let finish: () => void = () => undefined;
  const step = async (): Promise<boolean> => new Promise((resolve) => (finish = () => resolve(true)));
  const poller = new Poller(step, 100, () => undefined);
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  let stopped = false;
  const stop = poller.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stopped).toBe(false);
  finish();
  expect(await stop).toBe(true);
});
