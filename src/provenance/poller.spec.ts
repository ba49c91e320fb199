import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Poller, type Found } from './poller.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('runs again at once while there is more, then at its interval, and later after each failure', async () => {
  const answers: (Found | 'fails')[] = ['more', 'some', 'fails', 'fails', 'fails', 'nothing', 'nothing'];
  const at: number[] = [];
  const errors: unknown[] = [];
  const start = Date.now();
  const step = async (): Promise<Found> => {
    at.push(Date.now() - start);
    const answer = answers.shift() ?? 'nothing';
    if (answer === 'fails') throw new Error('down');
    return answer;
  };
  const poller = new Poller(step, { everyMs: 100 }, (error) => errors.push(error));
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

it('counts a step’s own time into its interval', async () => {
  const at: number[] = [];
  const start = Date.now();
  const step = async (): Promise<Found> => {
    at.push(Date.now() - start);
    await new Promise((resolve) => setTimeout(resolve, at.length === 2 ? 150 : 30));
    return 'some';
  };
  const poller = new Poller(step, { everyMs: 100 }, () => undefined);
  poller.start();
  await vi.advanceTimersByTimeAsync(400);
  await poller.stop();
  expect(at).toEqual([0, 100, 251, 351]);
});

it('waits for the step in hand when it is stopped', async () => {
  let finish: () => void = () => undefined;
  const step = async (): Promise<Found> => new Promise((resolve) => (finish = () => resolve('more')));
  const poller = new Poller(step, { everyMs: 100 }, () => undefined);
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  let stopped = false;
  const stop = poller.stop().then(() => (stopped = true));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stopped).toBe(false);
  finish();
  expect(await stop).toBe(true);
});

it('looks less often while there is nothing, and soon again once something came or somebody woke it', async () => {
  const answers: Found[] = ['nothing', 'nothing', 'nothing', 'nothing', 'some', 'nothing', 'nothing', 'nothing'];
  const at: number[] = [];
  const start = Date.now();
  const step = async (): Promise<Found> => {
    at.push(Date.now() - start);
    return answers.shift() ?? 'nothing';
  };
  const poller = new Poller(step, { everyMs: 50, idleMs: 250 }, () => undefined);
  poller.start();
  await vi.advanceTimersByTimeAsync(1_250);
  expect(at).toEqual([0, 100, 300, 550, 800, 850, 950, 1_150]);
  poller.wake();
  await vi.advanceTimersByTimeAsync(60);
  await poller.stop();
  expect(at.slice(8)).toEqual([1_250]);
});
